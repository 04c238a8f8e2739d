-- Grain: one row per airport of the latest list.
with airports as (

    select * from {{ ref('stg_immigration__airports') }}

),

ports as (

    select * from {{ ref('dim_port') }}

),

ranked_airports as (

    select
        airports.*,
        row_number() over (
            partition by airport_ident
            order by
                _source_file desc, airport_name desc, airport_type desc, iata_code desc,
                municipality desc, latitude desc, longitude desc
        ) as record_rank
    from airports

),

final as (

    select
        airports.airport_ident as airport_key,
        airports.airport_name,
        airports.airport_type,
        airports.municipality,
        airports.country_code,
        airports.region_code,
        airports.continent_code,
        airports.iata_code,
        airports.icao_code,
        airports.gps_code,
        airports.local_code,
        ports.port_key as port_code,
        airports.elevation_feet,
        airports.latitude,
        airports.longitude,
        airports.airport_type = 'closed' as is_closed
    from ranked_airports as airports
    -- A port's code is an airport's only where both stand in one state: LAS is Las Cruces, NM, as a
    -- port, and Las Vegas, NV, as an airport.
    left join ports
        on
            airports.iata_code = ports.port_key
            and airports.region_code = 'US-' || ports.state_code
    where airports.record_rank = 1

)

select * from final
