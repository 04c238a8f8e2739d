-- A returned row means that the fact holds another number of tags than the latest release in
-- staging, or another release: a newer one did not replace it whole.
{{ config(tags=['movies']) }}

with staged as (

    select
        _batch_id,
        count(*) as tags
    from (
        select
            _batch_id,
            user_id,
            movie_id,
            tag_text
        from {{ ref('stg_movies__tags') }}
        group by _batch_id, user_id, movie_id, tag_text
    ) as tagged
    group by _batch_id

),

facts as (

    select
        _batch_id,
        count(*) as tags
    from {{ ref('fct_tags') }}
    group by _batch_id

)

select
    staged._batch_id as staged_batch_id,
    facts._batch_id as fact_batch_id,
    staged.tags as staged_tags,
    facts.tags as fact_tags
from staged
full outer join facts
    on staged._batch_id = facts._batch_id
where
    staged.tags is null
    or facts.tags is null
    or staged.tags <> facts.tags
