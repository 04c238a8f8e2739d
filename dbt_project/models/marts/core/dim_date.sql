-- Grain: one row per day from the var date_start to the var date_end, both included.
-- generate_series runs on Redshift's leader node only and cannot fill a table, so the days are
-- counted with digits: five of them, enough for 273 years.
{{ config(materialized='shared_table', unique_key='date_day') }}
with digits as (

    select 0 as digit
    union all
    select 1 as digit
    union all
    select 2 as digit
    union all
    select 3 as digit
    union all
    select 4 as digit
    union all
    select 5 as digit
    union all
    select 6 as digit
    union all
    select 7 as digit
    union all
    select 8 as digit
    union all
    select 9 as digit

),

day_numbers as (

    select
        ones.digit
        + 10 * tens.digit
        + 100 * hundreds.digit
        + 1000 * thousands.digit
        + 10000 * ten_thousands.digit as day_number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as ten_thousands

),

days as (

    select
        cast(dateadd(day, day_number, cast('{{ var("date_start") }}' as date)) as date) as date_day
    from day_numbers
    where
        day_number <= datediff(
            day,
            cast('{{ var("date_start") }}' as date),
            cast('{{ var("date_end") }}' as date)
        )

),

final as (

    select
        date_day,
        cast(extract(year from date_day) as smallint) as year_number,
        cast(extract(quarter from date_day) as smallint) as quarter_of_year,
        cast(extract(month from date_day) as smallint) as month_of_year,
        cast(extract(day from date_day) as smallint) as day_of_month,
        -- Redshift counts from Sunday, 0; ISO 8601 from Monday, 1.
        cast(
            case extract(dow from date_day) when 0 then 7 else extract(dow from date_day) end
            as smallint
        ) as day_of_week,
        trim(to_char(date_day, 'Month')) as month_name,
        trim(to_char(date_day, 'Day')) as day_name,
        cast(date_trunc('month', date_day) as date) as first_day_of_month,
        extract(dow from date_day) in (0, 6) as is_weekend
    from days

)

select * from final
