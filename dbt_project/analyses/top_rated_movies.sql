-- Which titles are rated above four stars, by at least `movies_min_ratings` people?
select
    title,
    release_year,
    rating_count,
    mean_rating
from {{ ref('agg_movie_ratings') }}
where is_rated_above_four
order by mean_rating desc, rating_count desc, title asc
limit 50
