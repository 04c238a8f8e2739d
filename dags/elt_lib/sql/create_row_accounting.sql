create or replace view ops.row_accounting as
with staged as (
    $staged
),
rules as (
    select
        source,
        feed,
        batch_id,
        sum(rejected_rows) as explained_rows,
        listagg(rejected_rows || ' ' || rule || coalesce(' ' || column_name, ''), ', ')
        within group (order by rejected_rows desc, rule asc, column_name asc) as rejected_by_rule
    from ops.load_rejects
    group by source, feed, batch_id
)
select
    coalesce(ledger.source, staged.source) as source,
    coalesce(ledger.feed, staged.feed) as feed,
    coalesce(ledger.batch_id, staged.batch_id) as batch_id,
    coalesce(ledger.status, 'not in ledger') as status,
    cast(coalesce(ledger.raw_rows, 0) as bigint) as raw_rows,
    cast(coalesce(ledger.rejected_rows, 0) as bigint) as rejected_rows,
    cast(coalesce(rules.explained_rows, 0) as bigint) as rejected_rows_with_rule,
    cast(left(rules.rejected_by_rule, 4000) as varchar(4000)) as rejected_by_rule,
    cast(coalesce(ledger.loaded_rows, 0) as bigint) as loaded_rows,
    cast(coalesce(staged.staged_rows, 0) as bigint) as staged_rows,
    staged.repeated_rows,
    case when ledger.status = 'retired' then ledger.loaded_rows else staged.superseded_rows end
        as superseded_rows,
    staged.fact_rows,
    cast(datediff(second, ledger.data_loaded_at, ledger.recorded_at) as bigint)
        as seconds_from_raw_to_loaded,
    cast(datediff(second, ledger.load_started_at, ledger.recorded_at) as bigint)
        as seconds_of_load,
    ledger.data_loaded_at,
    ledger.recorded_at
from ops.load_ledger as ledger
full outer join staged
    on ledger.source = staged.source
    and ledger.feed = staged.feed
    and ledger.batch_id = staged.batch_id
left join rules
    on ledger.source = rules.source
    and ledger.feed = rules.feed
    and ledger.batch_id = rules.batch_id
with no schema binding
