-- Grain: one row per feed of movies and batch that staging holds.
-- Sources, not staging models: these show one batch, and the rows of the others are superseded.
with feeds as (

    {{
        feed_rows(
            'movies', 'movies',
            staged=source('movies', 'movies'), key='movie_id', fact=ref('dim_movie')
        )
    }}
    union all
    {{
        feed_rows(
            'movies', 'ratings',
            staged=source('movies', 'ratings'), key='user_id, movie_id', fact=ref('fct_ratings')
        )
    }}
    union all
    {{
        feed_rows(
            'movies', 'tags',
            staged=source('movies', 'tags'), key='user_id, movie_id, tag_text', fact=ref('fct_tags')
        )
    }}
    union all
    {{ feed_rows('movies', 'links', staged=source('movies', 'links')) }}

),

final as (

    select
        {{ surrogate_key(['source', 'feed', 'batch_id']) }} as rows_key,
        source,
        feed,
        batch_id,
        staged_rows,
        repeated_rows,
        superseded_rows,
        fact_rows
    from feeds

)

select * from final
