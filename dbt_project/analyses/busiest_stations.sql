-- Which stations are the busiest? Departures, arrivals and their balance, over all months.
select
    station_name,
    sum(departures) as departures,
    sum(arrivals) as arrivals,
    sum(departures) + sum(arrivals) as movements,
    sum(arrivals) - sum(departures) as net_arrivals
from {{ ref('agg_station_traffic') }}
where station_key <> {{ unknown_key() }}
group by station_name
order by movements desc, station_name asc
limit 20
