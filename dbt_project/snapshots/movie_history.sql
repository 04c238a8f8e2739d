{% snapshot movie_history %}
{{
    config(
        unique_key='movie_id',
        strategy='check',
        check_cols=['published_title', 'genres'],
        updated_at='released_at',
        hard_deletes='invalidate',
        snapshot_meta_column_names={
            'dbt_scd_id': 'version_key',
            'dbt_updated_at': 'updated_at',
            'dbt_valid_from': 'valid_from',
            'dbt_valid_to': 'valid_to',
        },
        meta={'batches_of': 'stg_movies__movies'},
        pre_hook='{{ assert_history_is_not_ahead() }}',
        post_hook='{{ forget_corrected_versions() }}',
    )
}}
{# Check, not timestamp: a release says nothing of when a movie changed, only that it has. #}
-- Grain: one row per movie and version of its title and genres.
with movies as (

    select * from {{ ref('stg_movies__movies') }}

),

ranked as (

    select
        movies.*,
        row_number() over (
            partition by movie_id
            order by _source_file desc, title desc, genres desc
        ) as record_rank
    from movies

),

final as (

    select
        movie_id,
        title as published_title,
        genres,
        {{ batch_start() }} as released_at
    from ranked
    where record_rank = 1

)

select * from final
{% endsnapshot %}
