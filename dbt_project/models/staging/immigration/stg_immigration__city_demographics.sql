with source as (

    select * from {{ source('immigration', 'city_demographics') }}
    where _batch_id = {{ latest_batch('immigration', 'city_demographics') }}

),

final as (

    select
        -- text
        trim(city) as city,
        trim(state_name) as state_name,
        upper(trim(state_code)) as state_code,
        trim(race) as race,

        -- numerics
        median_age,
        male_population,
        female_population,
        total_population,
        veteran_count,
        foreign_born_count,
        average_household_size,
        race_count,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
