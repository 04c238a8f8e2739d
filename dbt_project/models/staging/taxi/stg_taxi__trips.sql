with source as (

    select * from {{ source('taxi', 'trips') }}

),

renamed as (

    select
        -- ids
        vendor_id,
        rate_code_id,
        payment_type as payment_type_id,
        trip_type as trip_type_id,
        pickup_location_id,
        dropoff_location_id,

        -- text
        nullif(upper(trim(store_and_fwd_flag)), '') as store_and_fwd_flag,

        -- numerics
        passenger_count,
        trip_distance as trip_distance_miles,
        fare_amount,
        extra as extra_amount,
        mta_tax as mta_tax_amount,
        tip_amount,
        tolls_amount,
        ehail_fee as ehail_fee_amount,
        improvement_surcharge as improvement_surcharge_amount,
        congestion_surcharge as congestion_surcharge_amount,
        cbd_congestion_fee as cbd_congestion_fee_amount,
        total_amount,
        -- A meter without a position writes 0.
        nullif(cast(pickup_latitude as numeric(9, 6)), 0) as pickup_latitude,
        nullif(cast(pickup_longitude as numeric(9, 6)), 0) as pickup_longitude,
        nullif(cast(dropoff_latitude as numeric(9, 6)), 0) as dropoff_latitude,
        nullif(cast(dropoff_longitude as numeric(9, 6)), 0) as dropoff_longitude,

        -- objects
        {{ captured('other_columns') }} as other_columns,

        -- timestamps
        pickup_at,
        dropoff_at,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

),

-- A record has no number of its own: all of what the meter sent is its identity.
final as (

    select
        {{
            surrogate_key([
                "to_char(pickup_at, 'YYYYMMDDHH24MISS')",
                "to_char(dropoff_at, 'YYYYMMDDHH24MISS')",
                'vendor_id',
                'rate_code_id',
                'payment_type_id',
                'trip_type_id',
                'pickup_location_id',
                'dropoff_location_id',
                'store_and_fwd_flag',
                'passenger_count',
                'trip_distance_miles',
                'fare_amount',
                'extra_amount',
                'mta_tax_amount',
                'tip_amount',
                'tolls_amount',
                'ehail_fee_amount',
                'improvement_surcharge_amount',
                'congestion_surcharge_amount',
                'cbd_congestion_fee_amount',
                'total_amount',
                'pickup_latitude',
                'pickup_longitude',
                'dropoff_latitude',
                'dropoff_longitude',
            ])
        }} as trip_key,
        renamed.*
    from renamed

)

select * from final
