-- Grain: one row per state and month of the year.
-- The states come first, so that the test of the foreign key can run with this model.
-- depends_on: {{ ref('dim_state') }}
with temperatures as (

    select * from {{ ref('stg_immigration__state_temperatures') }}

),

states as (

    select * from {{ ref('i94_states') }}

),

ranked_temperatures as (

    select
        states.state_code as state_key,
        temperatures.measured_month,
        temperatures.mean_temperature_celsius,
        row_number() over (
            partition by states.state_code, temperatures.measured_month
            order by temperatures._source_file desc, temperatures.mean_temperature_celsius desc
        ) as record_rank
    from temperatures
    inner join states
        on temperatures.state_name = states.temperature_state_name
    where
        temperatures.country_name = 'United States'
        and temperatures.mean_temperature_celsius is not null

),

measured as (

    select
        state_key,
        cast(extract(month from measured_month) as smallint) as month_of_year,
        cast(extract(year from measured_month) as smallint) as measured_year,
        mean_temperature_celsius
    from ranked_temperatures
    where record_rank = 1

),

-- The latest years that have the month, not the latest calendar years: the history ends in 2013.
recent as (

    select
        measured.*,
        row_number() over (
            partition by state_key, month_of_year
            order by measured_year desc
        ) as year_rank
    from measured

),

final as (

    select
        {{ surrogate_key(['state_key', 'month_of_year']) }} as state_month_key,
        state_key,
        month_of_year,
        cast(
            round(avg(cast(mean_temperature_celsius as numeric(18, 8))), 3) as numeric(6, 3)
        ) as mean_temperature_celsius,
        cast(min(mean_temperature_celsius) as numeric(6, 3)) as coldest_month_celsius,
        cast(max(mean_temperature_celsius) as numeric(6, 3)) as warmest_month_celsius,
        cast(count(*) as smallint) as years_measured,
        min(measured_year) as first_year,
        max(measured_year) as last_year
    from recent
    where year_rank <= {{ var('temperature_years') }}
    group by state_key, month_of_year

)

select * from final
