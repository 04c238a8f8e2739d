with totals as (

    select
        station_key,
        sum(departures) as departures,
        sum(arrivals) as arrivals
    from marts.agg_station_traffic
    group by station_key

)

select
    stations.station_name as station,
    cast(totals.departures as bigint) as departures,
    cast(totals.arrivals as bigint) as arrivals
from totals
inner join marts.dim_station as stations
    on totals.station_key = stations.station_key
order by totals.departures + totals.arrivals desc, stations.station_name
limit 8
