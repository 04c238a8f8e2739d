-- Grain: one row per country code of the label file or of an arrival, and one for no country.
with listed as (

    select * from {{ ref('i94_countries') }}

),

arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

used as (

    select citizenship_code as country_code
    from arrivals
    where citizenship_code is not null
    group by citizenship_code
    union
    select residence_code as country_code
    from arrivals
    where residence_code is not null
    group by residence_code

),

final as (

    select
        cast(coalesce(listed.country_code, used.country_code) as smallint) as country_key,
        coalesce(listed.country_name, 'Unlisted code ' || used.country_code) as country_name,
        coalesce(listed.code_status, 'unlisted') as code_status
    from listed
    full outer join used
        on listed.country_code = used.country_code
    union all
    select
        cast({{ no_number_code() }} as smallint) as country_key,
        'Not reported' as country_name,
        'not reported' as code_status

)

select * from final
