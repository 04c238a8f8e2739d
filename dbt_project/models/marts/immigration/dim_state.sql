-- Grain: one row per state code of the label file, of an arrival or of a city, and one for no state.
with listed as (

    select * from {{ ref('i94_states') }}

),

arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

demographics as (

    select * from {{ ref('stg_immigration__city_demographics') }}

),

-- A list that names a city and race twice counts once; which record is the same on every run.
ranked_demographics as (

    select
        demographics.*,
        row_number() over (
            partition by state_code, city, race
            order by _source_file desc, race_count desc, total_population desc
        ) as record_rank
    from demographics

),

-- What is known of a city stands in each of its rows, one per race: it counts once. Households are
-- people by people per household, so that the state's mean is people by households.
cities as (

    select
        state_code,
        city,
        max(total_population) as total_population,
        max(male_population) as male_population,
        max(female_population) as female_population,
        max(veteran_count) as veteran_count,
        max(foreign_born_count) as foreign_born_count,
        max(median_age) as median_age,
        max(total_population) / nullif(max(average_household_size), 0) as households,
        max(case when race = 'White' then race_count end) as white_count,
        max(case when race = 'Black or African-American' then race_count end) as black_count,
        max(case when race = 'Asian' then race_count end) as asian_count,
        max(case when race = 'American Indian and Alaska Native' then race_count end)
            as native_count,
        max(case when race = 'Hispanic or Latino' then race_count end) as hispanic_count
    from ranked_demographics
    where record_rank = 1
    group by state_code, city

),

state_demographics as (

    select
        state_code,
        cast(count(*) as integer) as city_count,
        sum(cast(total_population as bigint)) as total_population,
        sum(cast(male_population as bigint)) as male_population,
        sum(cast(female_population as bigint)) as female_population,
        sum(cast(veteran_count as bigint)) as veteran_count,
        sum(cast(foreign_born_count as bigint)) as foreign_born_count,
        sum(case when foreign_born_count is not null then cast(total_population as bigint) end)
            as population_with_origin,
        sum(median_age * total_population) as age_total,
        sum(case when median_age is not null then cast(total_population as bigint) end)
            as population_with_age,
        sum(households) as households,
        sum(case when households is not null then cast(total_population as bigint) end)
            as population_with_household,
        sum(cast(white_count as bigint)) as white_count,
        sum(cast(black_count as bigint)) as black_count,
        sum(cast(asian_count as bigint)) as asian_count,
        sum(cast(native_count as bigint)) as native_count,
        sum(cast(hispanic_count as bigint)) as hispanic_count
    from cities
    group by state_code

),

codes as (

    select state_code
    from listed
    union
    select state_code
    from arrivals
    where state_code is not null
    group by state_code
    union
    select state_code
    from state_demographics
    union
    select {{ no_text_code() }} as state_code

),

final as (

    select
        codes.state_code as state_key,
        case
            when codes.state_code = {{ no_text_code() }} then 'Not reported'
            else coalesce(listed.state_name, 'All other codes')
        end as state_name,
        case
            when codes.state_code = {{ no_text_code() }} then 'not reported'
            when listed.state_code is null then 'unlisted'
            else 'valid'
        end as code_status,
        coalesce(state_demographics.city_count, 0) as city_count,
        cast(state_demographics.total_population as bigint) as total_population,
        cast(state_demographics.male_population as bigint) as male_population,
        cast(state_demographics.female_population as bigint) as female_population,
        cast(state_demographics.veteran_count as bigint) as veteran_count,
        cast(state_demographics.foreign_born_count as bigint) as foreign_born_count,
        cast(
            round(
                100.0 * state_demographics.foreign_born_count
                / nullif(state_demographics.population_with_origin, 0), 2
            ) as numeric(5, 2)
        ) as foreign_born_percent,
        cast(
            round(
                state_demographics.age_total / nullif(state_demographics.population_with_age, 0), 2
            ) as numeric(5, 2)
        ) as mean_median_age,
        cast(
            round(
                state_demographics.population_with_household
                / nullif(state_demographics.households, 0), 2
            ) as numeric(5, 2)
        ) as average_household_size,
        cast(state_demographics.white_count as bigint) as white_count,
        cast(state_demographics.black_count as bigint) as black_count,
        cast(state_demographics.asian_count as bigint) as asian_count,
        cast(state_demographics.native_count as bigint) as native_count,
        cast(state_demographics.hispanic_count as bigint) as hispanic_count
    from codes
    left join listed
        on codes.state_code = listed.state_code
    left join state_demographics
        on codes.state_code = state_demographics.state_code

)

select * from final
