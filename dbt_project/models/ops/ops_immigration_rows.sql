-- Grain: one row per feed of immigration and batch that staging holds.
-- One feed_rows() per feed of the source; a feed that a fact is made of names key and fact, and one
-- whose batches replace each other is read past its staging model, which shows the latest alone.
with feeds as (

    {{
        feed_rows(
            'immigration', 'arrivals',
            staged=ref('stg_immigration__arrivals'), key='record_id, file_year, file_month',
            fact=ref('fct_arrivals')
        )
    }}
    union all
    {{
        feed_rows(
            'immigration', 'city_demographics',
            staged=source('immigration', 'city_demographics')
        )
    }}
    union all
    {{ feed_rows('immigration', 'airports', staged=source('immigration', 'airports')) }}
    union all
    {{
        feed_rows(
            'immigration', 'state_temperatures',
            staged=source('immigration', 'state_temperatures')
        )
    }}

),

final as (

    select
        {{ surrogate_key(['source', 'feed', 'batch_id']) }} as rows_key,
        source,
        feed,
        batch_id,
        staged_rows,
        repeated_rows,
        superseded_rows,
        fact_rows
    from feeds

)

select * from final
