-- A returned row is a batch whose files have columns that the contract doesn't name yet.
-- Only a warning: they are kept in staging, and the rest of the month need not wait.
{{ config(severity='warn', tags=['taxi']) }}

select
    _batch_id,
    count(*) as records
from {{ ref('stg_taxi__trips') }}
where other_columns is not null
group by _batch_id
