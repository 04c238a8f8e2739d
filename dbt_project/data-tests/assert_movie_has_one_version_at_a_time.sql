-- A returned row is a movie of which two versions were true at once, or one that ended before it
-- began.
{{ config(tags=['movies']) }}

with versions as (

    select
        movie_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by movie_id order by valid_from) as next_from
    from {{ ref('movie_history') }}

)

select
    movie_id,
    valid_from,
    valid_to,
    next_from
from versions
where
    valid_to <= valid_from
    or (next_from is not null and valid_to is null)
    or next_from < valid_to
