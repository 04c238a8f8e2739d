select
    title,
    cast(release_year as varchar(4)) as year,
    rating_count as ratings,
    mean_rating as mean
from marts.agg_movie_ratings
where is_rated_above_four
order by mean_rating desc, rating_count desc, title
limit 10
