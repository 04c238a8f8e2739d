with source as (

    select * from {{ source('bikeshare', 'stations') }}

),

final as (

    select
        -- ids
        trim(station_id) as station_id,

        -- text
        {{ clean_station_name('station_name') }} as station_name,
        nullif(trim(city), '') as city,
        nullif(trim(landmark), '') as landmark,

        -- numerics
        cast(latitude as numeric(9, 6)) as latitude,
        cast(longitude as numeric(9, 6)) as longitude,
        dock_count,

        -- timestamps
        online_at,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
