-- Grain: one row per user, movie and tag of the latest release.
-- Not additive: nothing is measured; count the rows.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='tag_key',
        on_schema_change='append_new_columns',
        meta={'delete_window_on': 'tagged_at', 'batches_of': 'stg_movies__tags'},
        pre_hook='{{ take_merge_lock() }}',
        sort=['tagged_at'],
        dist='auto',
    )
}}
{# sort: the merge's delete is bounded by it. dist: auto, a small table. As `fct_ratings`. #}
-- depends_on: {{ ref('dim_date') }}
-- depends_on: {{ ref('dim_movie') }}
with tags as (

    select * from {{ ref('stg_movies__tags') }}

),

-- The same words twice on one movie by one user: the later counts.
versions as (

    select
        tags.*,
        row_number() over (
            partition by tags.user_id, tags.movie_id, tags.tag_text
            order by tags.tagged_at desc, tags._source_file desc
        ) as version_rank
    from tags
    {% if is_incremental() %}
    where {{ in_touched_batches('tags._batch_id') }}
    {% endif %}

),

final as (

    select
        {{ surrogate_key(['_batch_id', 'user_id', 'movie_id', 'tag_text']) }} as tag_key,
        {{ surrogate_key(['_batch_id', 'user_id']) }} as release_user_id,
        {{ surrogate_key(['movie_id']) }} as movie_key,
        cast(tagged_at as date) as tagged_on,
        user_id,
        movie_id,
        tag_text,
        cast(lower(tag_text) as varchar(2000)) as tag_name,
        tagged_at,
        _batch_id,
        _source_file,
        _loaded_at
    from versions
    where version_rank = 1

)

select * from final
