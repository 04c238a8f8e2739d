-- Grain: one row per movie (movie_id) that the latest release lists, rates or tags.
with movies as (

    select * from {{ ref('stg_movies__movies') }}

),

links as (

    select * from {{ ref('stg_movies__links') }}

),

ratings as (

    select * from {{ ref('stg_movies__ratings') }}

),

tags as (

    select * from {{ ref('stg_movies__tags') }}

),

-- A release may list a movie twice; the order only has to be the same on every run.
listed as (

    select
        movie_id,
        title,
        genres,
        _batch_id,
        row_number() over (
            partition by movie_id
            order by _source_file desc, title desc, genres desc
        ) as record_rank
    from movies

),

linked as (

    select
        movie_id,
        max(imdb_id) as imdb_id,
        max(tmdb_id) as tmdb_id
    from links
    group by movie_id

),

-- Movies that a fact knows and the list doesn't: they get a row, so that no join loses a rating.
mentions as (

    select movie_id from movies
    union all
    select movie_id from ratings
    union all
    select movie_id from tags

),

movie_ids as (

    select movie_id
    from mentions
    group by movie_id

),

titles as (

    select
        movie_ids.movie_id,
        listed.title as published_title,
        listed.genres,
        listed._batch_id,
        {{ title_years('listed.title') }} as years,
        trim(left(listed.title, len(listed.title) - len({{ title_years('listed.title') }})))
            as sort_title
    from movie_ids
    left join listed
        on movie_ids.movie_id = listed.movie_id and listed.record_rank = 1

),

-- `Postman, The (Postino, Il)` is main title and, from the parenthesis on, other titles.
main_titles as (

    select
        titles.*,
        case
            when right(sort_title, 1) = ')' and strpos(sort_title, ' (') > 1
                then left(sort_title, strpos(sort_title, ' (') - 1)
            else sort_title
        end as main_title
    from titles

),

articles as (

    select
        main_titles.*,
        {{ trailing_article('main_titles.main_title') }} as article
    from main_titles

),

final as (

    select
        {{ surrogate_key(['articles.movie_id']) }} as movie_key,
        articles.movie_id,
        cast(
            case
                when articles.published_title is null then 'Movie ' || articles.movie_id
                when articles.article = '' then articles.sort_title
                else
                    substring(articles.article, 3)
                    || case when right(articles.article, 1) = '''' then '' else ' ' end
                    || left(articles.main_title, len(articles.main_title) - len(articles.article))
                    || substring(articles.sort_title, len(articles.main_title) + 1)
            end as varchar(600)
        ) as title,
        cast(articles.sort_title as varchar(600)) as sort_title,
        articles.published_title,
        cast(nullif(substring(articles.years, 2, 4), '') as smallint) as release_year,
        cast(
            case
                when len(articles.years) > 6
                    then nullif(left(regexp_substr(articles.years, '[0-9]{4}[)]$'), 4), '')
            end as smallint
        ) as end_year,
        articles.genres,
        cast(
            case when articles.genres is null then 0 else regexp_count(articles.genres, '[|]') + 1 end
            as integer
        ) as genre_count,
        cast('tt' || linked.imdb_id as varchar(18)) as imdb_id,
        linked.tmdb_id,
        articles.published_title is not null as is_listed,
        articles._batch_id
    from articles
    left join linked
        on articles.movie_id = linked.movie_id

)

select * from final
