-- A returned row means that refunds and the rides that they take back are not as many, or do not
-- cancel out to the cent.
{{ config(tags=['taxi']) }}

with pairs as (

    select
        sum(case when record_kind = 'refund' then 1 else -1 end) as surplus,
        sum(coalesce(total_amount, 0)) as balance
    from {{ ref('fct_green_trips') }}
    where record_kind in ('refund', 'refunded ride')

)

select
    surplus,
    balance
from pairs
where surplus <> 0 or balance <> 0
