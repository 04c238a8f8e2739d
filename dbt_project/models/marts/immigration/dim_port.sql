-- Grain: one row per port code of the label file or of an arrival, and one for no port.
with listed as (

    select * from {{ ref('i94_ports') }}

),

arrivals as (

    select * from {{ ref('stg_immigration__arrivals') }}

),

used as (

    select port_code
    from arrivals
    where port_code is not null
    group by port_code

),

final as (

    select
        coalesce(listed.port_code, used.port_code) as port_key,
        case
            when listed.port_code is null then 'Unlisted code ' || used.port_code
            else coalesce(listed.port_name, 'No port')
        end as port_name,
        listed.state_code,
        listed.country_name,
        coalesce(listed.code_status, 'unlisted') as code_status,
        listed.replaced_by
    from listed
    full outer join used
        on listed.port_code = used.port_code
    union all
    select
        {{ no_text_code() }} as port_key,
        'Not reported' as port_name,
        null as state_code,
        null as country_name,
        'not reported' as code_status,
        null as replaced_by

)

select * from final
