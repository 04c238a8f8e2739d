-- A returned row is a month file with arrivals of another month, and how many.
-- Only a warning: such arrivals are counted on their day, and in the batch of their file.
{{ config(severity='warn', tags=['immigration']) }}

select
    file_year,
    file_month,
    count(*) as arrivals
from {{ ref('fct_arrivals') }}
where extract(year from arrived_on) <> file_year or extract(month from arrived_on) <> file_month
group by file_year, file_month
