-- Grain: one row per source, feed and batch that the ledger or staging knows.
with ledger as (

    select * from {{ source('ops', 'load_ledger') }}

),

rejects as (

    select * from {{ source('ops', 'load_rejects') }}

),

-- One feed_rows() per feed of every source; a feed that a fact is made of names key and fact.
staged as (

    {{
        feed_rows(
            'bikeshare', 'trips',
            staged=ref('stg_bikeshare__trips'), key='trip_id', fact=ref('fct_trips')
        )
    }}
    union all
    {{ feed_rows('bikeshare', 'stations', staged=ref('stg_bikeshare__stations')) }}

),

rules as (

    select
        source,
        feed,
        batch_id,
        sum(rejected_rows) as explained_rows,
        listagg(rejected_rows || ' ' || rule || coalesce(' ' || column_name, ''), ', ')
        within group (order by rejected_rows desc, rule asc, column_name asc) as rejected_by_rule
    from rejects
    group by source, feed, batch_id

),

joined as (

    select
        coalesce(ledger.source, staged.source) as source,
        coalesce(ledger.feed, staged.feed) as feed,
        coalesce(ledger.batch_id, staged.batch_id) as batch_id,
        coalesce(ledger.status, 'not in ledger') as status,
        cast(coalesce(ledger.raw_rows, 0) as bigint) as raw_rows,
        cast(coalesce(ledger.rejected_rows, 0) as bigint) as rejected_rows,
        cast(coalesce(ledger.loaded_rows, 0) as bigint) as loaded_rows,
        cast(coalesce(staged.staged_rows, 0) as bigint) as staged_rows,
        staged.repeated_rows,
        staged.superseded_rows,
        staged.fact_rows,
        ledger.data_loaded_at,
        ledger.load_started_at,
        ledger.recorded_at
    from ledger
    full outer join staged
        on
            ledger.source = staged.source
            and ledger.feed = staged.feed
            and ledger.batch_id = staged.batch_id

),

final as (

    select
        {{ surrogate_key(['joined.source', 'joined.feed', 'joined.batch_id']) }} as accounting_key,
        joined.source,
        joined.feed,
        joined.batch_id,
        joined.status,
        joined.raw_rows,
        joined.rejected_rows,
        cast(coalesce(rules.explained_rows, 0) as bigint) as rejected_rows_with_rule,
        cast(left(rules.rejected_by_rule, 4000) as varchar(4000)) as rejected_by_rule,
        joined.loaded_rows,
        joined.staged_rows,
        joined.repeated_rows,
        joined.superseded_rows,
        joined.fact_rows,
        cast(datediff(second, joined.data_loaded_at, joined.recorded_at) as bigint)
            as seconds_from_raw_to_loaded,
        cast(datediff(second, joined.load_started_at, joined.recorded_at) as bigint)
            as seconds_of_load,
        joined.data_loaded_at,
        joined.recorded_at
    from joined
    left join rules
        on
            joined.source = rules.source
            and joined.feed = rules.feed
            and joined.batch_id = rules.batch_id

)

select * from final
