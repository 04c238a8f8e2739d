-- Grain: one row per class of admission and purpose that occur together in an arrival.
with arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

visa_types as (

    select * from {{ ref('i94_visa_types') }}

),

visa_categories as (

    select * from {{ ref('i94_visa_categories') }}

),

used as (

    select
        visa_type,
        visa_category_code
    from arrivals
    group by visa_type, visa_category_code

),

final as (

    select
        {{ surrogate_key(['used.visa_type', 'used.visa_category_code']) }} as visa_key,
        used.visa_type,
        coalesce(
            visa_types.visa_type_name,
            case when used.visa_type is null then 'Not reported' else 'Not explained' end
        ) as visa_type_name,
        visa_types.needs_visa,
        used.visa_category_code,
        coalesce(
            visa_categories.visa_category,
            case when used.visa_category_code is null then 'not reported' else 'unlisted' end
        ) as visa_category
    from used
    left join visa_types
        on used.visa_type = visa_types.visa_type
    left join visa_categories
        on used.visa_category_code = visa_categories.visa_category_code

)

select * from final
