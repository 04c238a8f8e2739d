-- A returned row is a movie whose genres do not weigh 1 together: totals over genres would be off.
{{ config(tags=['movies']) }}

select
    movies.movie_key,
    sum(genres.weight) as weight
from {{ ref('dim_movie') }} as movies
left join {{ ref('bridge_movie_genre') }} as genres
    on movies.movie_key = genres.movie_key
group by movies.movie_key
having abs(coalesce(sum(genres.weight), 0) - 1) > 0.000001
