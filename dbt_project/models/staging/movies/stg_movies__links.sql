with source as (

    select * from {{ source('movies', 'links') }}
    where _batch_id = {{ latest_batch('movies', 'links') }}

),

final as (

    select
        -- ids
        movie_id,
        nullif(trim(imdb_id), '') as imdb_id,
        tmdb_id,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
