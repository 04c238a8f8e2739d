-- Grain: one row per day, pick-up zone and payment type on which a trip record began.
with trips as (

    select
        *,
        is_without_distance or is_distance_absurd or is_too_fast as has_wrong_distance
    from {{ ref('fct_green_trips') }}

),

zones as (

    select * from {{ ref('dim_taxi_zone') }}

),

payment_types as (

    select * from {{ ref('dim_taxi_payment_type') }}

),

daily as (

    select
        pickup_on,
        pickup_zone_key,
        payment_type_id,
        sum(case when is_ride then 1 else 0 end) as rides,
        sum(case when record_kind = 'refunded ride' then 1 else 0 end) as refunded_rides,
        sum(case when is_ride then 0 else 1 end) as refunds,
        sum(coalesce(total_amount, 0)) as revenue_amount,
        sum(coalesce(fare_amount, 0)) as fare_amount,
        sum(coalesce(tip_amount, 0)) as tip_amount,
        sum(case when is_ride and not has_wrong_distance then trip_distance_miles else 0 end)
            as distance_miles,
        sum(case when is_ride and has_wrong_distance then 1 else 0 end)
            as rides_without_distance
    from trips
    group by pickup_on, pickup_zone_key, payment_type_id

),

final as (

    select
        {{
            surrogate_key([
                "to_char(daily.pickup_on, 'YYYYMMDD')",
                'daily.pickup_zone_key',
                'daily.payment_type_id',
            ])
        }} as daily_rides_key,
        daily.pickup_on,
        daily.pickup_zone_key,
        daily.payment_type_id,
        zones.borough,
        zones.zone_name,
        payment_types.payment_type_name,
        cast(daily.rides as bigint) as rides,
        cast(daily.refunded_rides as bigint) as refunded_rides,
        cast(daily.refunds as bigint) as refunds,
        cast(daily.revenue_amount as numeric(16, 2)) as revenue_amount,
        cast(daily.fare_amount as numeric(16, 2)) as fare_amount,
        cast(daily.tip_amount as numeric(16, 2)) as tip_amount,
        cast(daily.distance_miles as numeric(16, 2)) as distance_miles,
        cast(daily.rides_without_distance as bigint) as rides_without_distance
    from daily
    left join zones
        on daily.pickup_zone_key = zones.zone_key
    left join payment_types
        on daily.payment_type_id = payment_types.payment_type_id

)

select * from final
