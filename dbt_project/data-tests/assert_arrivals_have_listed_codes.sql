-- A returned row is a code that arrivals have and the publisher's label file lacks, and how often.
-- Only a warning: the state is written down by the visitor and nobody checks it, new ports come
-- without a new label file, and the country codes 148 and 254 are common and stand in no list.
-- Such a code has a row in its dimension, so that no arrival is lost.
{{ config(severity='warn', tags=['immigration']) }}

select
    'country of citizenship' as code_of,
    cast(arrivals.citizenship_key as varchar(16)) as code,
    count(*) as arrivals
from {{ ref('fct_arrivals') }} as arrivals
inner join {{ ref('dim_country') }} as countries
    on arrivals.citizenship_key = countries.country_key
where countries.code_status = 'unlisted'
group by arrivals.citizenship_key
union all
select
    'country of residence' as code_of,
    cast(arrivals.residence_key as varchar(16)) as code,
    count(*) as arrivals
from {{ ref('fct_arrivals') }} as arrivals
inner join {{ ref('dim_country') }} as countries
    on arrivals.residence_key = countries.country_key
where countries.code_status = 'unlisted'
group by arrivals.residence_key
union all
select
    'port' as code_of,
    cast(arrivals.port_key as varchar(16)) as code,
    count(*) as arrivals
from {{ ref('fct_arrivals') }} as arrivals
inner join {{ ref('dim_port') }} as ports
    on arrivals.port_key = ports.port_key
where ports.code_status = 'unlisted'
group by arrivals.port_key
union all
select
    'state' as code_of,
    cast(arrivals.state_key as varchar(16)) as code,
    count(*) as arrivals
from {{ ref('fct_arrivals') }} as arrivals
inner join {{ ref('dim_state') }} as states
    on arrivals.state_key = states.state_key
where states.code_status = 'unlisted'
group by arrivals.state_key
union all
select
    'mode' as code_of,
    cast(arrivals.mode_key as varchar(16)) as code,
    count(*) as arrivals
from {{ ref('fct_arrivals') }} as arrivals
inner join {{ ref('dim_arrival_mode') }} as modes
    on arrivals.mode_key = modes.mode_key
where modes.code_status = 'unlisted'
group by arrivals.mode_key
