with source as (

    select * from {{ source('movies', 'ratings') }}
    where _batch_id = {{ latest_batch('movies', 'ratings') }}

),

final as (

    select
        -- ids
        user_id,
        movie_id,

        -- numerics
        rating,

        -- timestamps
        rated_at,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
