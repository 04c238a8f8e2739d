-- Grain: one row per different trip record (trip_key), in its version of the latest batch.
-- Not additive: average_mph and the coordinates; distance and duration of refunds: see record_kind.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='trip_key',
        on_schema_change='append_new_columns',
        meta={'delete_window_on': 'pickup_at', 'batches_of': 'stg_taxi__trips'},
        pre_hook='{{ take_merge_lock() }}',
        sort=['pickup_at'],
        dist='auto',
    )
}}
{#
    sort and dist: as in fct_trips.

    Incremental: as in fct_trips, but by moments: what a record is depends on the record that it
    mirrors, which began in the same second. So all records are made again that began when one of a
    touched batch did.
#}
-- depends_on: {{ ref('dim_date') }}
-- depends_on: {{ ref('dim_taxi_zone') }}
with trips as (

    select * from {{ ref('stg_taxi__trips') }}

),

{% if is_incremental() %}
{# Not from the CTE above: one that is read twice may be made once and whole, unskipped. #}
touched_moments as (

    select touched.pickup_at
    from {{ ref('stg_taxi__trips') }} as touched
    where {{ in_touched_batches('touched._batch_id') }}
    union all
    select reflected.pickup_at
    from {{ this }} as reflected
    where
        {{ in_touched_batches('reflected._batch_id') }}
        and {{ in_touched_window('reflected.pickup_at') }}

),
{% endif %}

versions as (

    select
        trips.*,
        count(*) over (partition by trips.trip_key, trips._batch_id) as record_count,
        row_number() over (
            partition by trips.trip_key
            order by trips._batch_id desc, trips._source_file desc, trips._loaded_at desc
        ) as version_rank,
        case when coalesce(nullif(total_amount, 0), fare_amount, 0) < 0 then -1 else 1 end
            as direction
    from trips
    {% if is_incremental() %}
    where
        {{ in_touched_window('trips.pickup_at') }}
        and trips.pickup_at in (select touched_moments.pickup_at from touched_moments)
    {% endif %}

),

mirrored as (

    select
        versions.*,
        {{ taxi_mirror_key() }} as mirror_key
    from versions
    where version_rank = 1

),

paired as (

    select
        mirrored.*,
        row_number() over (partition by mirror_key, direction order by trip_key) as pair_number,
        count(case when direction = 1 then 1 end) over (partition by mirror_key) as charges,
        count(case when direction = -1 then 1 end) over (partition by mirror_key) as refunds,
        datediff(second, pickup_at, dropoff_at) as duration_seconds
    from mirrored

),

judged as (

    select
        paired.*,
        case
            when direction = 1 and pair_number <= refunds then 'refunded ride'
            when direction = 1 then 'ride'
            when pair_number <= charges then 'refund'
            else 'unmatched refund'
        end as record_kind,
        cast(
            round(trip_distance_miles * 3600 / nullif(duration_seconds, 0), 1) as numeric(14, 1)
        ) as average_mph,
        to_char(pickup_at, 'YYYYMM') <> left(_batch_id, 6) as is_outside_month,
        dropoff_at < pickup_at as is_ended_before_start,
        duration_seconds > 86400 as is_over_a_day,
        coalesce(trip_distance_miles, 0) <= 0 as is_without_distance,
        coalesce(trip_distance_miles, 0) > 200 as is_distance_absurd,
        coalesce(
            case
                when duration_seconds = 0 then trip_distance_miles > 0
                when duration_seconds > 0 then trip_distance_miles * 3600 > duration_seconds * 80
            end,
            false
        ) as is_too_fast,
        coalesce(abs(fare_amount) > 500, false) or coalesce(abs(total_amount) > 1000, false)
            as is_fare_absurd
    from paired

),

final as (

    select
        judged.trip_key,
        cast(coalesce(vendors.vendor_id, -1) as smallint) as vendor_id,
        cast(coalesce(rate_codes.rate_code_id, -1) as smallint) as rate_code_id,
        cast(coalesce(payment_types.payment_type_id, -1) as smallint) as payment_type_id,
        cast(coalesce(trip_types.trip_type_id, -1) as smallint) as trip_type_id,
        {{ taxi_zone_key('judged.pickup_location_id') }} as pickup_zone_key,
        {{ taxi_zone_key('judged.dropoff_location_id') }} as dropoff_zone_key,
        cast(judged.pickup_at as date) as pickup_on,
        cast(judged.dropoff_at as date) as dropoff_on,
        judged.record_kind,
        judged.record_kind in ('ride', 'refunded ride') as is_ride,
        cast(judged.record_count as integer) as record_count,
        judged.store_and_fwd_flag = 'Y' as is_stored_and_forwarded,
        judged.passenger_count,
        judged.trip_distance_miles,
        cast(judged.duration_seconds as bigint) as duration_seconds,
        judged.average_mph,
        judged.fare_amount,
        judged.extra_amount,
        judged.mta_tax_amount,
        judged.tip_amount,
        judged.tolls_amount,
        judged.ehail_fee_amount,
        judged.improvement_surcharge_amount,
        judged.congestion_surcharge_amount,
        judged.cbd_congestion_fee_amount,
        judged.total_amount,
        judged.pickup_latitude,
        judged.pickup_longitude,
        judged.dropoff_latitude,
        judged.dropoff_longitude,
        judged.is_outside_month,
        judged.is_ended_before_start,
        judged.is_over_a_day,
        judged.is_without_distance,
        judged.is_distance_absurd,
        judged.is_too_fast,
        judged.is_fare_absurd,
        judged.pickup_at,
        judged.dropoff_at,
        judged._batch_id,
        judged._source_file,
        judged._loaded_at
    from judged
    left join {{ ref('dim_taxi_vendor') }} as vendors
        on judged.vendor_id = vendors.vendor_id
    left join {{ ref('dim_taxi_rate_code') }} as rate_codes
        on judged.rate_code_id = rate_codes.rate_code_id
    left join {{ ref('dim_taxi_payment_type') }} as payment_types
        on judged.payment_type_id = payment_types.payment_type_id
    left join {{ ref('dim_taxi_trip_type') }} as trip_types
        on judged.trip_type_id = trip_types.trip_type_id

)

select * from final
