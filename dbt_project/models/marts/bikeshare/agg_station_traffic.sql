-- Grain: one row per station and calendar month in which a trip began or ended there.
with trips as (

    select * from {{ ref('fct_trips') }}

),

stations as (

    select * from {{ ref('dim_station') }}

),

movements as (

    select
        start_station_key as station_key,
        cast(date_trunc('month', started_at) as date) as traffic_month,
        count(*) as departures,
        0 as arrivals
    from trips
    group by start_station_key, cast(date_trunc('month', started_at) as date)
    union all
    select
        end_station_key as station_key,
        cast(date_trunc('month', ended_at) as date) as traffic_month,
        0 as departures,
        count(*) as arrivals
    from trips
    group by end_station_key, cast(date_trunc('month', ended_at) as date)

),

traffic as (

    select
        station_key,
        traffic_month,
        cast(sum(departures) as bigint) as departures,
        cast(sum(arrivals) as bigint) as arrivals
    from movements
    group by station_key, traffic_month

),

final as (

    select
        {{ surrogate_key(['traffic.station_key', "to_char(traffic.traffic_month, 'YYYYMM')"]) }}
            as station_month_key,
        traffic.station_key,
        traffic.traffic_month,
        stations.station_name,
        traffic.departures,
        traffic.arrivals
    from traffic
    left join stations
        on traffic.station_key = stations.station_key

)

select * from final
