-- Whose citizens come on which visa? For each purpose the ten citizenships with the most arrivals,
-- and how long those stayed who are known to have left.
with arrivals as (

    select
        visas.visa_category,
        countries.country_name as citizenship,
        count(*) as arrivals,
        avg(
            case
                when not arrivals.is_departed_before_arrival
                    then cast(arrivals.stay_days as numeric(18, 4))
            end
        ) as mean_stay_days
    from {{ ref('fct_arrivals') }} as arrivals
    inner join {{ ref('dim_visa') }} as visas
        on arrivals.visa_key = visas.visa_key
    inner join {{ ref('dim_country') }} as countries
        on arrivals.citizenship_key = countries.country_key
    group by visas.visa_category, countries.country_name

),

ranked as (

    select
        arrivals.*,
        row_number() over (
            partition by visa_category
            order by arrivals desc, citizenship asc
        ) as citizenship_rank
    from arrivals

)

select
    visa_category,
    citizenship_rank,
    citizenship,
    arrivals,
    cast(mean_stay_days as numeric(9, 1)) as mean_stay_days
from ranked
where citizenship_rank <= 10
order by visa_category asc, citizenship_rank asc
