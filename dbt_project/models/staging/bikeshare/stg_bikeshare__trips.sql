with source as (

    select * from {{ source('bikeshare', 'trips') }}

),

final as (

    select
        -- ids
        trim(trip_id) as trip_id,
        nullif(trim(bike_id), '') as bike_id,
        nullif(trim(start_station_id), '') as start_station_id,
        nullif(trim(end_station_id), '') as end_station_id,

        -- text
        {{ clean_station_name('start_station_name') }} as start_station_name,
        {{ clean_station_name('end_station_name') }} as end_station_name,
        nullif(trim(rider_type), '') as rider_type,
        nullif(trim(gender), '') as gender,
        nullif(trim(rideable_type), '') as rideable_type,

        -- numerics
        birth_year,
        duration_seconds,
        cast(start_latitude as numeric(9, 6)) as start_latitude,
        cast(start_longitude as numeric(9, 6)) as start_longitude,
        cast(end_latitude as numeric(9, 6)) as end_latitude,
        cast(end_longitude as numeric(9, 6)) as end_longitude,

        -- timestamps
        started_at,
        ended_at,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
