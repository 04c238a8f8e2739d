-- A returned row means that the daily table lost or invented records, dollars or miles: over all
-- days, zones and ways to pay they are those of the trips.
{{ config(tags=['taxi']) }}

with daily as (

    select
        coalesce(sum(rides + refunds), 0) as records,
        coalesce(sum(revenue_amount), 0) as revenue_amount,
        coalesce(sum(distance_miles), 0) as distance_miles
    from {{ ref('agg_green_rides_daily') }}

),

trips as (

    select
        count(*) as records,
        coalesce(sum(total_amount), 0) as revenue_amount,
        coalesce(sum(
            case
                when is_ride and not (is_without_distance or is_distance_absurd or is_too_fast)
                    then trip_distance_miles
                else 0
            end
        ), 0) as distance_miles
    from {{ ref('fct_green_trips') }}

)

select
    daily.records as daily_records,
    trips.records as trip_records,
    daily.revenue_amount as daily_revenue_amount,
    trips.revenue_amount as trip_revenue_amount,
    daily.distance_miles as daily_distance_miles,
    trips.distance_miles as trip_distance_miles
from daily
cross join trips
where
    daily.records <> trips.records
    or daily.revenue_amount <> trips.revenue_amount
    or daily.distance_miles <> trips.distance_miles
