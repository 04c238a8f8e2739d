-- A returned row means that staging holds another number of different records than the fact.
{{ config(tags=['taxi']) }}

with staged as (

    select count(distinct trip_key) as records
    from {{ ref('stg_taxi__trips') }}

),

facts as (

    select count(*) as records
    from {{ ref('fct_green_trips') }}

)

select
    staged.records as staged_records,
    facts.records as fact_records
from staged
cross join facts
where staged.records <> facts.records
