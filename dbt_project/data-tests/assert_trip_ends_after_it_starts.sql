-- A returned row is a trip that ended before it started.
-- Only a warning: such trips are real (the hour that comes twice when summer time ends, docks whose
-- clocks were wrong, most of them in 2020). They are flagged and counted, never dropped.
{{ config(severity='warn', tags=['bikeshare']) }}

select
    trip_id,
    started_at,
    ended_at
from {{ ref('fct_trips') }}
where is_ended_before_start
