-- Grain: one row per feed of taxi and batch that staging holds.
-- One feed_rows() per feed of the source; a feed that a fact is made of names key and fact.
with feeds as (

    {{
        feed_rows(
            'taxi', 'trips',
            staged=ref('stg_taxi__trips'), key='trip_key', fact=ref('fct_green_trips')
        )
    }}
    union all
    {{ feed_rows('taxi', 'zones', staged=source('taxi', 'zones')) }}

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
