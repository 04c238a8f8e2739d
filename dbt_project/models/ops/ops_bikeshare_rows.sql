-- Grain: one row per feed of bikeshare and batch that staging holds.
-- One feed_rows() per feed of the source; a feed that a fact is made of names key and fact.
with feeds as (

    {{
        feed_rows(
            'bikeshare', 'trips',
            staged=ref('stg_bikeshare__trips'), key='trip_id', fact=ref('fct_trips')
        )
    }}
    union all
    {{ feed_rows('bikeshare', 'stations', staged=ref('stg_bikeshare__stations')) }}

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
