{#
    History (`dbt snapshot`) of a feed whose batches replace each other, in the batches' own time.

    dbt takes the time of a change from the snapshot's query (`updated_at`), but that of a deletion
    from the clock: a row gone from the batch of September 2018 would end today. This macro is dbt's
    hook for that time; a snapshot whose meta names its staging model gets the start of the batch
    that the model shows, any other the clock.

        meta={'batches_of': 'stg_movies__movies'}
#}
{% macro redshift__snapshot_get_time() -%}
    {%- set staged = (config.get('meta') or {}).get('batches_of') -%}
    {%- if staged -%}
        (select {{ batch_start('max(_batch_id)') }} from {{ ref(staged) }})
    {%- else -%}
        cast(getdate() as timestamp)
    {%- endif -%}
{%- endmacro %}


{#
    Pre-hook of such a snapshot: history is written forwards only.

    A batch that is loaded late is older than the one that staging shows, and never seen. But when
    the latest was taken out by hand an older one is shown again; closing and opening rows by it
    would turn time around, and nothing could put it right.
#}
{% macro assert_history_is_not_ahead() -%}
    {%- set staged = (config.get('meta') or {}).get('batches_of') -%}
    {%- if execute and load_relation(this) is not none -%}
        {%- set seen = run_query("select max(valid_from) from " ~ this).rows[0][0] -%}
        {%- set shown = run_query(
            "select " ~ batch_start('max(_batch_id)') ~ " from " ~ ref(staged)
        ).rows[0][0] -%}
        {%- if seen is not none and shown is not none and shown < seen -%}
            {{ exceptions.raise_compiler_error(
                this ~ " was not changed: it knows the batch of " ~ seen ~ ", and " ~ staged
                ~ " shows that of " ~ shown ~ ". Load the later batch again."
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#
    Post-hook of such a snapshot: a batch that was loaded again corrects itself. A version that
    began with this batch and ends with it was never true.
#}
{% macro forget_corrected_versions() -%}
    delete from {{ this }} where valid_to <= valid_from
{%- endmacro %}
