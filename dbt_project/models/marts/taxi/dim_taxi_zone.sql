-- Grain: one row per taxi zone (location_id), and one for trip ends without one.
with zones as (

    select * from {{ ref('stg_taxi__zones') }}

),

trips as (

    select * from {{ ref('stg_taxi__trips') }}

),

trip_ends as (

    select pickup_location_id as location_id from trips
    union all
    select dropoff_location_id as location_id from trips

),

seen as (

    select location_id
    from trip_ends
    where location_id is not null
    group by location_id

),

listed as (

    select
        location_id,
        borough,
        zone_name,
        service_zone,
        -- Only has to be the same always: a list has each zone once.
        row_number() over (
            partition by location_id
            order by zone_name desc, borough desc, service_zone desc
        ) as list_rank
    from zones

),

final as (

    select
        {{ taxi_zone_key('listed.location_id') }} as zone_key,
        listed.location_id,
        coalesce(listed.borough, 'Unknown') as borough,
        coalesce(listed.zone_name, 'Zone ' || listed.location_id) as zone_name,
        listed.service_zone,
        true as is_listed
    from listed
    where listed.list_rank = 1
    union all
    -- Trips may come before their list, and with numbers that no list has.
    select
        {{ taxi_zone_key('seen.location_id') }} as zone_key,
        seen.location_id,
        'Unknown' as borough,
        'Zone ' || seen.location_id as zone_name,
        null as service_zone,
        false as is_listed
    from seen
    left join listed
        on seen.location_id = listed.location_id and listed.list_rank = 1
    where listed.location_id is null
    union all
    select
        {{ unknown_key() }} as zone_key,
        null as location_id,
        'Unknown' as borough,
        'No zone' as zone_name,
        null as service_zone,
        false as is_listed

)

select * from final
