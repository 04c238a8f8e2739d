-- A returned row means that the movies' counts or stars do not add up to those of the ratings.
{{ config(tags=['movies']) }}

with movies as (

    select
        coalesce(sum(rating_count), 0) as ratings,
        coalesce(sum(rating_total), 0) as stars
    from {{ ref('agg_movie_ratings') }}

),

facts as (

    select
        count(*) as ratings,
        coalesce(sum(rating), 0) as stars
    from {{ ref('fct_ratings') }}

)

select
    movies.ratings as counted_ratings,
    facts.ratings as fact_ratings,
    movies.stars as counted_stars,
    facts.stars as fact_stars
from movies
cross join facts
where movies.ratings <> facts.ratings or movies.stars <> facts.stars
