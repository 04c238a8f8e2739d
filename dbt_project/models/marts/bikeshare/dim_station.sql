-- Grain: one row per station, by its cleaned name, and one for trip ends without a station.
with station_lists as (

    select * from {{ ref('stg_bikeshare__stations') }}

),

trips as (

    select * from {{ ref('stg_bikeshare__trips') }}

),

trip_ends as (

    select
        start_station_name as station_name,
        start_station_id as station_id,
        nullif(start_latitude, 0) as latitude,
        nullif(start_longitude, 0) as longitude,
        started_at as seen_at
    from trips
    union all
    select
        end_station_name as station_name,
        end_station_id as station_id,
        nullif(end_latitude, 0) as latitude,
        nullif(end_longitude, 0) as longitude,
        ended_at as seen_at
    from trips

),

-- One row per name and identifier; numerators and denominators, so that means can be merged.
sightings as (

    select
        station_name,
        station_id,
        cast(min(seen_at) as date) as first_seen_on,
        cast(max(seen_at) as date) as last_seen_on,
        sum(case when longitude is not null then latitude end) as latitude_total,
        sum(case when latitude is not null then longitude end) as longitude_total,
        count(latitude + longitude) as located
    from trip_ends
    where coalesce(station_name, station_id) is not null
    group by station_name, station_id
    union all
    select
        station_name,
        station_id,
        to_date(left(min(_batch_id), 8), 'YYYYMMDD') as first_seen_on,
        to_date(left(max(_batch_id), 8), 'YYYYMMDD') as last_seen_on,
        null as latitude_total,
        null as longitude_total,
        0 as located
    from station_lists
    group by station_name, station_id

),

keyed_sightings as (

    select
        sightings.*,
        {{ station_key('sightings.station_name', 'sightings.station_id') }} as station_key
    from sightings

),

ranked_sightings as (

    select
        keyed_sightings.*,
        row_number() over (
            partition by station_key
            order by
                case when station_id is null then 1 else 0 end, last_seen_on desc, station_id desc
        ) as latest_rank,
        row_number() over (
            partition by station_key
            order by case when station_id is null then 1 else 0 end, first_seen_on, station_id
        ) as earliest_rank
    from keyed_sightings

),

stations as (

    select
        station_key,
        max(station_name) as station_name,
        max(case when latest_rank = 1 then station_id end) as station_id,
        max(case when earliest_rank = 1 then station_id end) as first_station_id,
        cast(count(distinct station_id) as integer) as station_id_count,
        min(first_seen_on) as first_seen_on,
        max(last_seen_on) as last_seen_on,
        cast(round(sum(latitude_total) / nullif(sum(located), 0), 6) as numeric(9, 6)) as latitude,
        cast(round(sum(longitude_total) / nullif(sum(located), 0), 6) as numeric(9, 6)) as longitude
    from ranked_sightings
    group by station_key

),

keyed_lists as (

    select
        station_lists.*,
        {{ station_key('station_lists.station_name', 'station_lists.station_id') }} as station_key
    from station_lists

),

-- What the latest list says of a station; the rest of the order only has to be the same always.
listed as (

    select
        keyed_lists.*,
        row_number() over (
            partition by station_key
            order by
                _batch_id desc, _source_file desc, station_id desc, dock_count desc,
                online_at desc, latitude desc, longitude desc, city desc
        ) as list_rank
    from keyed_lists

),

final as (

    select
        stations.station_key,
        stations.station_id,
        stations.first_station_id,
        stations.station_id_count,
        coalesce(stations.station_name, 'Station ' || stations.station_id) as station_name,
        listed.city,
        case
            when listed.latitude + listed.longitude is not null then 'station list'
            when stations.latitude is not null then 'trips'
            else 'none'
        end as location_source,
        case
            when listed.latitude + listed.longitude is not null then listed.latitude
            else stations.latitude
        end as latitude,
        case
            when listed.latitude + listed.longitude is not null then listed.longitude
            else stations.longitude
        end as longitude,
        listed.dock_count,
        listed.online_at,
        stations.first_seen_on,
        stations.last_seen_on
    from stations
    left join listed
        on stations.station_key = listed.station_key and listed.list_rank = 1
    union all
    select
        {{ unknown_key() }} as station_key,
        null as station_id,
        null as first_station_id,
        0 as station_id_count,
        'No station' as station_name,
        null as city,
        'none' as location_source,
        cast(null as numeric(9, 6)) as latitude,
        cast(null as numeric(9, 6)) as longitude,
        null as dock_count,
        null as online_at,
        null as first_seen_on,
        null as last_seen_on

)

select * from final
