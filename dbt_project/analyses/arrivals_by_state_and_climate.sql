-- Where do visitors go, who lives there, and how warm is it? Arrivals by state and month, with their
-- purposes, the people of the state's cities, and the temperature that the month usually has.
select
    states.state_name,
    dates.first_day_of_month,
    sum(daily.arrivals) as arrivals,
    sum(daily.business_arrivals) as business_arrivals,
    sum(daily.pleasure_arrivals) as pleasure_arrivals,
    sum(daily.study_arrivals) as study_arrivals,
    states.total_population as people_in_cities,
    states.foreign_born_percent,
    states.mean_median_age,
    max(daily.mean_temperature_celsius) as usual_temperature_celsius
from {{ ref('agg_state_arrivals_daily') }} as daily
inner join {{ ref('dim_state') }} as states
    on daily.state_key = states.state_key
inner join {{ ref('dim_date') }} as dates
    on daily.arrived_on = dates.date_day
where states.code_status = 'valid'
group by
    states.state_name,
    dates.first_day_of_month,
    states.total_population,
    states.foreign_born_percent,
    states.mean_median_age
order by arrivals desc, states.state_name asc
limit 20
