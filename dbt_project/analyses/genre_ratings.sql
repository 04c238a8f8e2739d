-- How are the genres rated? Weighted, so that the ratings of all genres add up to all ratings.
select
    genres.genre_name,
    sum(ratings.rating_count * genres.weight) as weighted_ratings,
    sum(ratings.rating_total * genres.weight) / sum(ratings.rating_count * genres.weight)
        as mean_rating
from {{ ref('agg_movie_ratings') }} as ratings
inner join {{ ref('bridge_movie_genre') }} as genres
    on ratings.movie_key = genres.movie_key
group by genres.genre_name
order by weighted_ratings desc, genres.genre_name asc
