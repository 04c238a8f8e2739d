with source as (

    select * from {{ source('movies', 'movies') }}
    where _batch_id = {{ latest_batch('movies', 'movies') }}

),

final as (

    select
        -- ids
        movie_id,

        -- text
        trim(title) as title,
        nullif(nullif(trim(genres), ''), '(no genres listed)') as genres,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
