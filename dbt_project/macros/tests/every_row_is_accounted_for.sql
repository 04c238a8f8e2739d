{#
    A returned row is a batch of the source of which records were lost or invented between the
    file and the fact. `model` holds one row per feed and batch, as feed_rows() makes them.
#}
{% test every_row_is_accounted_for(model, of_source) %}
with ledger as (

    select * from {{ source('ops', 'load_ledger') }}
    where source = '{{ of_source }}'

),

explained as (

    select
        feed,
        batch_id,
        sum(rejected_rows) as rejected_rows
    from {{ source('ops', 'load_rejects') }}
    where source = '{{ of_source }}'
    group by feed, batch_id

)

select
    coalesce(ledger.feed, staged.feed) as feed,
    coalesce(ledger.batch_id, staged.batch_id) as batch_id,
    ledger.status,
    ledger.raw_rows,
    ledger.rejected_rows,
    explained.rejected_rows as rejected_rows_with_rule,
    ledger.loaded_rows,
    staged.staged_rows,
    staged.repeated_rows,
    staged.superseded_rows,
    staged.fact_rows
from ledger
full outer join {{ model }} as staged
    on ledger.feed = staged.feed and ledger.batch_id = staged.batch_id
left join explained
    on ledger.feed = explained.feed and ledger.batch_id = explained.batch_id
where
    ledger.batch_id is null
    or coalesce(ledger.raw_rows, 0)
    <> coalesce(ledger.rejected_rows, 0) + coalesce(ledger.loaded_rows, 0)
    or coalesce(ledger.rejected_rows, 0) <> coalesce(explained.rejected_rows, 0)
    -- A retired batch was replaced by newer ones, and its rows were taken out of staging.
    or case when ledger.status = 'retired' then 0 else coalesce(ledger.loaded_rows, 0) end
    <> coalesce(staged.staged_rows, 0)
    or (
        staged.fact_rows is not null
        and staged.staged_rows
        <> staged.fact_rows + staged.repeated_rows + staged.superseded_rows
    )
{% endtest %}
