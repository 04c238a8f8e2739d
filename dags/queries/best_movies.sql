-- Grain: one row per listed movie of the latest release with 20 ratings or more and a mean above 4.
-- Staged rows are as the release has them: repeated records are told apart here, as the marts do.
-- batch_id is the partition: only the latest release is read.
with versions as (
    select
        user_id,
        movie_id,
        rating,
        row_number() over (
            partition by user_id, movie_id
            order by rated_at desc, rating desc, _source_file desc
        ) as version_rank
    from movies__ratings
    where batch_id = (select max(batch_id) from movies__ratings)
),

rated as (
    select
        movie_id,
        count(*) as rating_count,
        sum(rating) as rating_total
    from versions
    where version_rank = 1
    group by movie_id
),

movies as (
    select
        movie_id,
        max(title) as title,
        max(genres) as genres
    from movies__movies
    where batch_id = (select max(batch_id) from movies__movies)
    group by movie_id
)

select
    movies.movie_id,
    trim(movies.title) as title,
    movies.genres,
    rated.rating_count,
    cast(rated.rating_total as double) / rated.rating_count as mean_rating
from rated
inner join movies on rated.movie_id = movies.movie_id
where
    rated.rating_count >= 20
    and rated.rating_total > 4 * rated.rating_count
order by mean_rating desc, rating_count desc, title
