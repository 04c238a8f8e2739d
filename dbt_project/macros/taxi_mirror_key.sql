{#
    What a ride and its refund have in common: vehicle, way and, but for the sign, every amount.
    `direction` is -1 where a record takes money back. The way to pay is not in it: a refund may
    name another than its ride.
#}
{% macro taxi_mirror_key() -%}
    {{
        surrogate_key([
            "to_char(pickup_at, 'YYYYMMDDHH24MISS')",
            "to_char(dropoff_at, 'YYYYMMDDHH24MISS')",
            'vendor_id',
            'pickup_location_id',
            'dropoff_location_id',
            'pickup_latitude',
            'pickup_longitude',
            'dropoff_latitude',
            'dropoff_longitude',
            'trip_distance_miles',
            'direction * coalesce(fare_amount, 0)',
            'direction * coalesce(extra_amount, 0)',
            'direction * coalesce(mta_tax_amount, 0)',
            'direction * coalesce(tip_amount, 0)',
            'direction * coalesce(tolls_amount, 0)',
            'direction * coalesce(ehail_fee_amount, 0)',
            'direction * coalesce(improvement_surcharge_amount, 0)',
            'direction * coalesce(congestion_surcharge_amount, 0)',
            'direction * coalesce(cbd_congestion_fee_amount, 0)',
            'direction * coalesce(total_amount, 0)',
        ])
    }}
{%- endmacro %}
