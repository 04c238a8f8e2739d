with source as (

    select * from {{ source('immigration', 'arrivals') }}

),

final as (

    select
        -- ids
        record_id,
        admission_number,
        nullif(trim(ins_number), '') as ins_number,
        nullif(trim(flight_number), '') as flight_number,

        -- text
        nullif(upper(trim(port_code)), '') as port_code,
        nullif(upper(trim(state_code)), '') as state_code,
        nullif(upper(trim(gender)), '') as gender,
        nullif(upper(trim(occupation_code)), '') as occupation_code,
        nullif(upper(trim(visa_type)), '') as visa_type,
        nullif(trim(visa_post), '') as visa_post,
        nullif(trim(airline_code), '') as airline_code,
        nullif(trim(arrival_flag), '') as arrival_flag,
        nullif(trim(departure_flag), '') as departure_flag,
        nullif(trim(update_flag), '') as update_flag,
        nullif(trim(match_flag), '') as match_flag,
        nullif(trim(admitted_until_text), '') as admitted_until_text,

        -- numerics
        file_year,
        file_month,
        citizenship_code,
        residence_code,
        mode_code,
        visa_category_code,
        age,
        birth_year,
        record_count,

        -- dates
        arrived_on,
        departed_on,
        {{ compact_date('trim(filed_text)', 'YYYYMMDD') }} as filed_date,
        {{ compact_date('trim(admitted_until_text)', 'MMDDYYYY') }} as admitted_until,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
