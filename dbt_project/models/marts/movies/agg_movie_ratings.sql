-- Grain: one row per movie with at least one rating.
with ratings as (

    select * from {{ ref('fct_ratings') }}

),

movies as (

    select * from {{ ref('dim_movie') }}

),

counted as (

    select
        movie_key,
        count(*) as rating_count,
        sum(rating) as rating_total,
        min(rated_on) as first_rated_on,
        max(rated_on) as last_rated_on
    from ratings
    group by movie_key

),

final as (

    select
        counted.movie_key,
        movies.title,
        movies.release_year,
        cast(counted.rating_count as bigint) as rating_count,
        cast(counted.rating_total as numeric(12, 1)) as rating_total,
        -- Through a wide type: AVG of a NUMERIC keeps its scale, here one decimal.
        cast(
            round(cast(counted.rating_total as numeric(18, 6)) / counted.rating_count, 4)
            as numeric(5, 4)
        ) as mean_rating,
        -- Compared as totals: a mean of 4.00004 is above four, and one that was rounded may not be.
        counted.rating_total > 4 * counted.rating_count
        and counted.rating_count >= {{ var('movies_min_ratings') }} as is_rated_above_four,
        counted.first_rated_on,
        counted.last_rated_on
    from counted
    left join movies
        on counted.movie_key = movies.movie_key

)

select * from final
