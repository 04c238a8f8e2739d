-- A returned row means that people of a city were counted twice, or not, in the states.
{{ config(tags=['immigration']) }}

with cities as (

    select
        city,
        state_code,
        max(total_population) as total_population
    from {{ ref('stg_immigration__city_demographics') }}
    group by city, state_code

),

counted as (

    select coalesce(sum(cast(total_population as bigint)), 0) as people
    from cities

),

states as (

    select coalesce(sum(total_population), 0) as people
    from {{ ref('dim_state') }}

)

select
    counted.people as people_of_cities,
    states.people as people_of_states
from counted
cross join states
where counted.people <> states.people
