-- Grain: one row per code of a mode of arrival in the label file or of an arrival, and one for none.
with listed as (

    select * from {{ ref('i94_modes') }}

),

arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

used as (

    select mode_code
    from arrivals
    where mode_code is not null
    group by mode_code

),

final as (

    select
        cast(coalesce(listed.mode_code, used.mode_code) as smallint) as mode_key,
        coalesce(listed.mode_name, 'unlisted code ' || used.mode_code) as mode_name,
        case when listed.mode_code is null then 'unlisted' else 'valid' end as code_status
    from listed
    full outer join used
        on listed.mode_code = used.mode_code
    union all
    select
        cast({{ no_number_code() }} as smallint) as mode_key,
        'not reported' as mode_name,
        'not reported' as code_status

)

select * from final
