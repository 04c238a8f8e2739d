-- A returned row means that the fact holds another number of ratings than the latest release in
-- staging, or another release: a newer one did not replace it whole.
{{ config(tags=['movies']) }}

with staged as (

    select
        _batch_id,
        count(*) as ratings
    from (
        select
            _batch_id,
            user_id,
            movie_id
        from {{ ref('stg_movies__ratings') }}
        group by _batch_id, user_id, movie_id
    ) as rated
    group by _batch_id

),

facts as (

    select
        _batch_id,
        count(*) as ratings
    from {{ ref('fct_ratings') }}
    group by _batch_id

)

select
    staged._batch_id as staged_batch_id,
    facts._batch_id as fact_batch_id,
    staged.ratings as staged_ratings,
    facts.ratings as fact_ratings
from staged
full outer join facts
    on staged._batch_id = facts._batch_id
where
    staged.ratings is null
    or facts.ratings is null
    or staged.ratings <> facts.ratings
