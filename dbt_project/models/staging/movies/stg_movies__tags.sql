with source as (

    select * from {{ source('movies', 'tags') }}
    where _batch_id = {{ latest_batch('movies', 'tags') }}

),

final as (

    select
        -- ids
        user_id,
        movie_id,

        -- text
        trim(tag_text) as tag_text,

        -- timestamps
        tagged_at,

        -- the load
        _batch_id,
        _source_file,
        _loaded_at
    from source

)

select * from final
