-- Grain: one row per day and state with at least one arrival.
with arrivals as (

    select * from {{ ref('fct_arrivals') }}

),

visas as (

    select * from {{ ref('dim_visa') }}

),

temperatures as (

    select * from {{ ref('agg_state_temperature_monthly') }}

),

daily as (

    select
        arrivals.arrived_on,
        arrivals.state_key,
        count(*) as arrivals,
        sum(case when visas.visa_category = 'business' then 1 else 0 end) as business_arrivals,
        sum(case when visas.visa_category = 'pleasure' then 1 else 0 end) as pleasure_arrivals,
        sum(case when visas.visa_category = 'study' then 1 else 0 end) as study_arrivals,
        sum(case when not arrivals.is_age_impossible then arrivals.age end) as age_total,
        sum(case when not arrivals.is_age_impossible and arrivals.age is not null then 1 else 0 end)
            as arrivals_with_age,
        sum(case when arrivals.departure_date is null then 1 else 0 end)
            as arrivals_without_departure
    from arrivals
    left join visas
        on arrivals.visa_key = visas.visa_key
    group by arrivals.arrived_on, arrivals.state_key

),

final as (

    select
        {{ surrogate_key(["to_char(daily.arrived_on, 'YYYYMMDD')", 'daily.state_key']) }}
            as state_day_key,
        daily.arrived_on,
        daily.state_key,
        cast(daily.arrivals as bigint) as arrivals,
        cast(daily.business_arrivals as bigint) as business_arrivals,
        cast(daily.pleasure_arrivals as bigint) as pleasure_arrivals,
        cast(daily.study_arrivals as bigint) as study_arrivals,
        cast(daily.arrivals_without_departure as bigint) as arrivals_without_departure,
        cast(
            round(cast(daily.age_total as numeric(18, 4)) / nullif(daily.arrivals_with_age, 0), 2)
            as numeric(5, 2)
        ) as mean_age,
        temperatures.mean_temperature_celsius
    from daily
    left join temperatures
        on
            daily.state_key = temperatures.state_key
            and extract(month from daily.arrived_on) = temperatures.month_of_year

)

select * from final
