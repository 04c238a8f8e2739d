with source as (

    select *
    from {{ source('taxi', 'zones') }}
    where _batch_id = {{ latest_batch('taxi', 'zones') }}

),

final as (

    select
        -- ids
        location_id,

        -- text
        nullif(nullif(trim(borough), ''), 'N/A') as borough,
        nullif(nullif(trim(zone), ''), 'N/A') as zone_name,
        nullif(nullif(trim(service_zone), ''), 'N/A') as service_zone,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
