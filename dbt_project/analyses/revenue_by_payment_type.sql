-- How do green-taxi passengers pay? Rides, refunds and revenue by month and way to pay.
select
    date_trunc('month', pickup_on) as pickup_month,
    payment_type_name,
    sum(rides) as rides,
    sum(refunds) as refunds,
    sum(revenue_amount) as revenue_amount,
    cast(sum(tip_amount) / nullif(sum(fare_amount), 0) as numeric(9, 3)) as tip_share
from {{ ref('agg_green_rides_daily') }}
group by date_trunc('month', pickup_on), payment_type_name
order by pickup_month asc, revenue_amount desc
