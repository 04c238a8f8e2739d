-- A returned row means that staging holds another number of different records than the fact.
{{ config(tags=['immigration']) }}

with records as (

    select
        record_id,
        file_year,
        file_month
    from {{ ref('stg_immigration__arrivals') }}
    group by record_id, file_year, file_month

),

staged as (

    select count(*) as arrivals
    from records

),

facts as (

    select count(*) as arrivals
    from {{ ref('fct_arrivals') }}

)

select
    staged.arrivals as staged_arrivals,
    facts.arrivals as fact_arrivals
from staged
cross join facts
where staged.arrivals <> facts.arrivals
