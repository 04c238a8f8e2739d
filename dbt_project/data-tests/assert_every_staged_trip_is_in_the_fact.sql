-- A returned row means that staging holds another number of different trips than the fact.
{{ config(tags=['bikeshare']) }}

with staged as (

    select count(distinct trip_id) as trips
    from {{ ref('stg_bikeshare__trips') }}

),

facts as (

    select count(*) as trips
    from {{ ref('fct_trips') }}

)

select
    staged.trips as staged_trips,
    facts.trips as fact_trips
from staged
cross join facts
where staged.trips <> facts.trips
