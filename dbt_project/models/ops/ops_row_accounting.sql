-- Grain: one row per source, feed and batch that the ledger or staging knows.
with ledger as (

    select * from {{ source('ops', 'load_ledger') }}

),

trips as (

    select * from {{ ref('stg_bikeshare__trips') }}

),

stations as (

    select * from {{ ref('stg_bikeshare__stations') }}

),

facts as (

    select * from {{ ref('fct_trips') }}

),

-- What became of a trip's records, worked out from staging alone: one per batch counts, the
-- others in it are repeats; and of the batches only the latest counts.
trip_batches as (

    select
        _batch_id,
        trip_id,
        count(*) as records,
        case
            when _batch_id < max(_batch_id) over (partition by trip_id) then 1
            else 0
        end as superseded
    from trips
    group by _batch_id, trip_id

),

staged as (

    select
        'bikeshare' as source,
        'trips' as feed,
        _batch_id as batch_id,
        sum(records) as staged_rows,
        sum(records - 1) as repeated_rows,
        sum(superseded) as superseded_rows
    from trip_batches
    group by _batch_id
    union all
    select
        'bikeshare' as source,
        'stations' as feed,
        _batch_id as batch_id,
        count(*) as staged_rows,
        null as repeated_rows,
        null as superseded_rows
    from stations
    group by _batch_id

),

fact_rows as (

    select
        'bikeshare' as source,
        'trips' as feed,
        _batch_id as batch_id,
        count(*) as fact_rows
    from facts
    group by _batch_id

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
        cast(staged.repeated_rows as bigint) as repeated_rows,
        cast(staged.superseded_rows as bigint) as superseded_rows,
        cast(case when staged.repeated_rows is not null then coalesce(fact_rows.fact_rows, 0) end as bigint)
            as fact_rows,
        ledger.data_loaded_at,
        ledger.recorded_at
    from ledger
    full outer join staged
        on
            ledger.source = staged.source
            and ledger.feed = staged.feed
            and ledger.batch_id = staged.batch_id
    left join fact_rows
        on
            staged.source = fact_rows.source
            and staged.feed = fact_rows.feed
            and staged.batch_id = fact_rows.batch_id

),

final as (

    select
        {{ surrogate_key(['source', 'feed', 'batch_id']) }} as accounting_key,
        source,
        feed,
        batch_id,
        status,
        raw_rows,
        rejected_rows,
        loaded_rows,
        staged_rows,
        repeated_rows,
        superseded_rows,
        fact_rows,
        data_loaded_at,
        recorded_at
    from joined

)

select * from final
