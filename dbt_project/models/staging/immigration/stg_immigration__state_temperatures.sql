with source as (

    select * from {{ source('immigration', 'state_temperatures') }}
    where _batch_id = {{ latest_batch('immigration', 'state_temperatures') }}

),

final as (

    select
        -- text
        trim(state_name) as state_name,
        trim(country_name) as country_name,

        -- numerics
        mean_temperature_celsius,
        uncertainty_celsius,

        -- dates
        cast(date_trunc('month', measured_month) as date) as measured_month,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
