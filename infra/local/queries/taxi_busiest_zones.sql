select
    zone_name as zone,
    borough,
    cast(sum(rides) as bigint) as rides,
    cast(sum(revenue_amount) as numeric(16, 2)) as revenue
from marts.agg_green_rides_daily
group by zone_name, borough
order by sum(rides) desc, zone_name
limit 8
