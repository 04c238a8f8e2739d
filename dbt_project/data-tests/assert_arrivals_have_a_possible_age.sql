-- A returned row is an arrival of somebody of a negative age, or older than the var oldest_age.
-- Only a warning: the age comes from a year of birth that nobody checked. They are flagged
-- (is_age_impossible) and counted, never dropped.
{{ config(severity='warn', tags=['immigration']) }}

select
    record_id,
    file_year,
    file_month,
    arrived_on,
    age
from {{ ref('fct_arrivals') }}
where is_age_impossible
