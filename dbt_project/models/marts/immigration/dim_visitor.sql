-- Grain: one row per profile: gender, year of birth, citizenship, residence and occupation.
with arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

countries as (

    select * from {{ ref('dim_country') }}

),

profiles as (

    select
        gender,
        birth_year,
        citizenship_code,
        residence_code,
        occupation_code
    from arrivals
    group by gender, birth_year, citizenship_code, residence_code, occupation_code

),

final as (

    select
        {{ visitor_key('profiles') }} as visitor_key,
        profiles.gender,
        profiles.birth_year,
        cast(coalesce(profiles.citizenship_code, {{ no_number_code() }}) as smallint)
            as citizenship_key,
        citizenships.country_name as citizenship,
        cast(coalesce(profiles.residence_code, {{ no_number_code() }}) as smallint)
            as residence_key,
        residences.country_name as residence,
        profiles.citizenship_code = profiles.residence_code as is_resident_of_own_country,
        profiles.occupation_code
    from profiles
    left join countries as citizenships
        on coalesce(profiles.citizenship_code, {{ no_number_code() }}) = citizenships.country_key
    left join countries as residences
        on coalesce(profiles.residence_code, {{ no_number_code() }}) = residences.country_key

)

select * from final
