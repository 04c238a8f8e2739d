with source as (

    select * from {{ source('immigration', 'airports') }}
    where _batch_id = {{ latest_batch('immigration', 'airports') }}

),

final as (

    select
        -- ids
        trim(airport_ident) as airport_ident,
        nullif(trim(icao_code), '') as icao_code,
        nullif(trim(iata_code), '') as iata_code,
        nullif(trim(gps_code), '') as gps_code,
        nullif(trim(local_code), '') as local_code,

        -- text
        trim(airport_name) as airport_name,
        trim(airport_type) as airport_type,
        nullif(trim(municipality), '') as municipality,
        continent_code,
        country_code,
        region_code,

        -- numerics: "longitude, latitude"; texts of another shape give NULL
        elevation_feet,
        cast(
            case
                when coordinates ~ '{{ coordinate_pattern() }}'
                    then trim(split_part(coordinates, ',', 1))
            end as numeric(9, 6)
        ) as longitude,
        cast(
            case
                when coordinates ~ '{{ coordinate_pattern() }}'
                    then trim(split_part(coordinates, ',', 2))
            end as numeric(9, 6)
        ) as latitude,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
