-- Grain: one row per movie and genre; a movie without genres has one row, 'No genre listed'.
with movies as (

    select * from {{ ref('dim_movie') }}

),

digits as (

    select 1 as digit
    union all
    select 2 as digit
    union all
    select 3 as digit
    union all
    select 4 as digit
    union all
    select 5 as digit

),

-- 1 to 25: a test keeps a movie's genres to 20.
places as (

    select ones.digit + 5 * (fives.digit - 1) as place
    from digits as ones
    cross join digits as fives

),

named as (

    select
        movies.movie_key,
        trim(split_part(movies.genres, '|', places.place)) as genre_name
    from movies
    inner join places
        on movies.genre_count >= places.place
    union all
    select
        movies.movie_key,
        'No genre listed' as genre_name
    from movies
    where movies.genre_count = 0

),

-- A movie may name a genre twice.
genres as (

    select
        movie_key,
        genre_name
    from named
    where genre_name <> ''
    group by movie_key, genre_name

),

final as (

    select
        {{ surrogate_key(['movie_key', 'genre_name']) }} as movie_genre_key,
        movie_key,
        cast(genre_name as varchar(300)) as genre_name,
        cast(1 as double precision) / count(*) over (partition by movie_key) as weight
    from genres

)

select * from final
