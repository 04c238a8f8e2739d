-- Grain: one row per I-94 record (its number, and year and month of its file), in the latest batch.
-- Not additive: age, birth_year and stay_days; arrivals are counted, one per row.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='arrival_key',
        on_schema_change='append_new_columns',
        meta={'delete_window_on': 'arrived_on', 'batches_of': 'stg_immigration__arrivals'},
        pre_hook='{{ take_merge_lock() }}',
        sort=['arrived_on'],
        dist='auto',
    )
}}
{#
    sort: every question has a time range, and the merge's delete is bounded by it.
    dist: auto, because no single join is the usual one, and all dimensions are small enough to be
    copied to each node.

    Codes stay what the record says: the dimensions have a row for every code that occurs, so that
    a changed code list changes them and not the fact. Incremental: see fct_trips.

    The dimensions come first, so that the tests of the foreign keys can run with this model; that
    is what the lines below tell dbt.
#}
-- depends_on: {{ ref('dim_date') }}
-- depends_on: {{ ref('dim_arrival_mode') }}
-- depends_on: {{ ref('dim_country') }}
-- depends_on: {{ ref('dim_port') }}
-- depends_on: {{ ref('dim_state') }}
-- depends_on: {{ ref('dim_visa') }}
-- depends_on: {{ ref('dim_visitor') }}
with arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

{% if is_incremental() %}
{# Not from the CTE above: one that is read twice may be made once and whole, unskipped. #}
touched_arrivals as (

    select
        touched.record_id,
        touched.file_year,
        touched.file_month
    from {{ ref('stg_immigration__arrivals') }} as touched
    where {{ in_touched_batches('touched._batch_id') }}
    union
    select
        reflected.record_id,
        reflected.file_year,
        reflected.file_month
    from {{ this }} as reflected
    where
        {{ in_touched_batches('reflected._batch_id') }}
        and {{ in_touched_window('reflected.arrived_on') }}

),
{% endif %}

versions as (

    select
        arrivals.*,
        -- The latest batch wins. Within it the order only has to be the same on every run, so it
        -- goes through every column that can differ.
        row_number() over (
            partition by arrivals.record_id, arrivals.file_year, arrivals.file_month
            order by
                arrivals._batch_id desc,
                arrivals._source_file desc,
                arrivals.arrived_on desc,
                arrivals.departed_on desc,
                arrivals.admission_number desc,
                arrivals.admitted_until_text desc,
                arrivals.filed_date desc,
                arrivals.port_code desc,
                arrivals.state_code desc,
                arrivals.citizenship_code desc,
                arrivals.residence_code desc,
                arrivals.mode_code desc,
                arrivals.visa_type desc,
                arrivals.visa_category_code desc,
                arrivals.visa_post desc,
                arrivals.birth_year desc,
                arrivals.age desc,
                arrivals.gender desc,
                arrivals.occupation_code desc,
                arrivals.airline_code desc,
                arrivals.flight_number desc,
                arrivals.ins_number desc,
                arrivals.arrival_flag desc,
                arrivals.departure_flag desc,
                arrivals.update_flag desc,
                arrivals.match_flag desc,
                arrivals._loaded_at desc
        ) as version_rank
    from arrivals
    {% if is_incremental() %}
    inner join touched_arrivals
        on
            arrivals.record_id = touched_arrivals.record_id
            and arrivals.file_year = touched_arrivals.file_year
            and arrivals.file_month = touched_arrivals.file_month
    where {{ in_touched_window('arrivals.arrived_on') }}
    {% endif %}

),

final as (

    select
        {{ surrogate_key(['record_id', 'file_year', 'file_month']) }} as arrival_key,
        record_id,
        file_year,
        file_month,
        arrived_on,
        {{ visitor_key('versions') }} as visitor_key,
        cast(coalesce(citizenship_code, {{ no_number_code() }}) as smallint) as citizenship_key,
        cast(coalesce(residence_code, {{ no_number_code() }}) as smallint) as residence_key,
        coalesce(port_code, {{ no_text_code() }}) as port_key,
        coalesce(state_code, {{ no_text_code() }}) as state_key,
        {{ surrogate_key(['visa_type', 'visa_category_code']) }} as visa_key,
        cast(coalesce(mode_code, {{ no_number_code() }}) as smallint) as mode_key,
        age,
        departed_on as departure_date,
        cast(datediff(day, arrived_on, departed_on) as integer) as stay_days,
        case
            when admitted_until is not null then 'date'
            when admitted_until_text = 'D/S' then 'duration of status'
            when admitted_until_text is not null then 'unreadable'
            else 'none'
        end as admission_kind,
        admitted_until,
        admitted_until_text,
        filed_date,
        admission_number,
        airline_code,
        flight_number,
        visa_post,
        ins_number,
        arrival_flag,
        departure_flag,
        update_flag,
        match_flag,
        departed_on is null as is_without_departure,
        coalesce(departed_on < arrived_on, false) as is_departed_before_arrival,
        coalesce(age < 0 or age > {{ var('oldest_age') }}, false) as is_age_impossible,
        _batch_id,
        _source_file,
        _loaded_at
    from versions
    where version_rank = 1

)

select * from final
