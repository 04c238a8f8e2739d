-- A returned row is a batch of which records were lost or invented between the file and the fact.
{{ config(tags=['ops']) }}

select
    source,
    feed,
    batch_id,
    raw_rows,
    rejected_rows,
    rejected_rows_with_rule,
    loaded_rows,
    staged_rows,
    repeated_rows,
    superseded_rows,
    fact_rows
from {{ ref('ops_row_accounting') }}
where
    raw_rows <> rejected_rows + loaded_rows
    or rejected_rows <> rejected_rows_with_rule
    or loaded_rows <> staged_rows
    or (
        fact_rows is not null
        and staged_rows <> fact_rows + repeated_rows + superseded_rows
    )
