-- A returned row means that the aggregate lost or invented arrivals.
{{ config(tags=['immigration']) }}

with daily as (

    select coalesce(sum(arrivals), 0) as arrivals
    from {{ ref('agg_state_arrivals_daily') }}

),

facts as (

    select count(*) as arrivals
    from {{ ref('fct_arrivals') }}

)

select
    daily.arrivals as daily_arrivals,
    facts.arrivals as fact_arrivals
from daily
cross join facts
where daily.arrivals <> facts.arrivals
