-- Grain: one row per country code of the label file or of an arrival, and one for no country.
with listed as (

    select * from {{ ref('i94_countries') }}

),

arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

-- Once over the arrivals, and twice over what is left of them.
used_pairs as (

    select
        citizenship_code,
        residence_code
    from arrivals
    group by citizenship_code, residence_code

),

used as (

    select citizenship_code as country_code
    from used_pairs
    where citizenship_code is not null
    union
    select residence_code as country_code
    from used_pairs
    where residence_code is not null

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
