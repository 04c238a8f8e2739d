-- A returned row is an arrival whose departure lies before it.
-- Only a warning: somebody else's record is no reason to stop a month. They are flagged
-- (is_departed_before_arrival) and counted, never dropped.
{{ config(severity='warn', tags=['immigration']) }}

select
    record_id,
    file_year,
    file_month,
    arrived_on,
    departure_date
from {{ ref('fct_arrivals') }}
where is_departed_before_arrival
