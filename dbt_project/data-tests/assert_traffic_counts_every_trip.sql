-- A returned row means that the traffic table lost or invented departures or arrivals: over all
-- stations and months both are the number of trips.
{{ config(tags=['bikeshare']) }}

with traffic as (

    select
        coalesce(sum(departures), 0) as departures,
        coalesce(sum(arrivals), 0) as arrivals
    from {{ ref('agg_station_traffic') }}

),

trips as (

    select count(*) as trips
    from {{ ref('fct_trips') }}

)

select
    traffic.departures,
    traffic.arrivals,
    trips.trips
from traffic
cross join trips
where traffic.departures <> trips.trips or traffic.arrivals <> trips.trips
