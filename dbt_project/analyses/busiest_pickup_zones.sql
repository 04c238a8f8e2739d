-- Where do green taxis pick people up? Rides, revenue and mean distance by zone, over all days.
select
    borough,
    zone_name,
    sum(rides) as rides,
    sum(revenue_amount) as revenue_amount,
    cast(
        sum(distance_miles) / nullif(sum(rides - rides_without_distance), 0) as numeric(9, 2)
    ) as mean_distance_miles
from {{ ref('agg_green_rides_daily') }}
where pickup_zone_key <> {{ unknown_key() }}
group by borough, zone_name
order by rides desc, zone_name asc
limit 20
