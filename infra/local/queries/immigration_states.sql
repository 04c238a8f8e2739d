with totals as (

    select
        state_key,
        sum(arrivals) as arrivals,
        sum(business_arrivals) as business,
        sum(pleasure_arrivals) as pleasure,
        sum(study_arrivals) as study
    from marts.agg_state_arrivals_daily
    group by state_key

)

select
    states.state_name as state,
    cast(totals.arrivals as bigint) as arrivals,
    cast(totals.business as bigint) as business,
    cast(totals.pleasure as bigint) as pleasure,
    cast(totals.study as bigint) as study,
    states.foreign_born_percent,
    states.mean_median_age,
    may.mean_temperature_celsius as usual_celsius_in_may
from totals
inner join marts.dim_state as states
    on totals.state_key = states.state_key
left join marts.agg_state_temperature_monthly as may
    on totals.state_key = may.state_key and may.month_of_year = 5
where states.code_status = 'valid'
order by totals.arrivals desc, states.state_name
limit 8
