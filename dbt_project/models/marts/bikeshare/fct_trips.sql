-- Grain: one row per trip (trip_id), in the version of the latest batch that holds it.
-- Not additive: birth_year and the coordinates; duration_seconds adds up, but see its description.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='trip_key',
        on_schema_change='append_new_columns',
        meta={'delete_window_on': 'started_at', 'batches_of': 'stg_bikeshare__trips'},
        pre_hook='{{ take_merge_lock() }}',
        sort=['started_at'],
        dist='auto',
    )
}}
{#
    sort: every question has a time range, and the merge's delete is bounded by it.
    dist: auto, because trips are joined to stations at both ends, so that no single column
    would put the joined rows on one node; dim_station is small enough to be copied anyway.

    Incremental: the trips of touched batches (macros/incremental_state.sql says which these are)
    are made again from all their versions, and the merge (macros/incremental_delete_insert.sql)
    replaces them in one transaction.

    The dimensions come first, so that the tests of the foreign keys can run with this model; that
    is what the two lines below tell dbt.
#}
-- depends_on: {{ ref('dim_date') }}
-- depends_on: {{ ref('dim_station') }}
with trips as (

    select * from {{ ref('stg_bikeshare__trips') }}

),

{% if is_incremental() %}
{# Not from the CTE above: one that is read twice may be made once and whole, unskipped. #}
touched_trips as (

    select touched.trip_id
    from {{ ref('stg_bikeshare__trips') }} as touched
    where {{ in_touched_batches('touched._batch_id') }}
    union all
    select reflected.trip_id
    from {{ this }} as reflected
    where
        {{ in_touched_batches('reflected._batch_id') }}
        and {{ in_touched_window('reflected.started_at') }}

),
{% endif %}

versions as (

    select
        trips.*,
        -- The latest batch wins. Within it the order only has to be the same on every run, so it
        -- goes through every column that can differ.
        row_number() over (
            partition by trips.trip_id
            order by
                trips._batch_id desc,
                trips._source_file desc,
                trips.started_at desc,
                trips.ended_at desc,
                trips.start_station_name desc,
                trips.start_station_id desc,
                trips.end_station_name desc,
                trips.end_station_id desc,
                trips.bike_id desc,
                trips.rideable_type desc,
                trips.rider_type desc,
                trips.gender desc,
                trips.birth_year desc,
                trips.duration_seconds desc,
                trips.start_latitude desc,
                trips.start_longitude desc,
                trips.end_latitude desc,
                trips.end_longitude desc,
                trips._loaded_at desc
        ) as version_rank
    from trips
    -- The contract lets no trip without its id in. Should one be there, it is none that could be
    -- told from another: it stays out, and the accounting shows it.
    where
        trips.trip_id is not null
        {% if is_incremental() %}
        and {{ in_touched_window('trips.started_at') }}
        and trips.trip_id in (select touched_trips.trip_id from touched_trips)
        {% endif %}

),

final as (

    select
        {{ surrogate_key(['trip_id']) }} as trip_key,
        trip_id,
        {{ station_key('start_station_name', 'start_station_id') }} as start_station_key,
        {{ station_key('end_station_name', 'end_station_id') }} as end_station_key,
        cast(started_at as date) as started_on,
        cast(ended_at as date) as ended_on,
        bike_id,
        case rider_type
            when 'Subscriber' then 'member'
            when 'member' then 'member'
            when 'Customer' then 'casual'
            when 'casual' then 'casual'
            when 'Dependent' then 'dependent'
            else 'unknown'
        end as rider_type,
        rideable_type,
        gender,
        birth_year,
        cast(coalesce(duration_seconds, datediff(second, started_at, ended_at)) as numeric(12, 2))
            as duration_seconds,
        start_latitude,
        start_longitude,
        end_latitude,
        end_longitude,
        ended_at < started_at as is_ended_before_start,
        started_at,
        ended_at,
        _batch_id,
        _source_file,
        _loaded_at
    from versions
    where version_rank = 1

)

select * from final
