{#
    Which batches must an incremental fact process? Found by comparing state, never by a time
    watermark: a watermark misses late and re-loaded batches, and is NULL on an empty fact.

    A batch's state is its id and its `_loaded_at`; a re-load keeps the first and changes the
    second. The fact carries both columns. A batch is unreflected when its state stands on one
    side only: new in staging, loaded again, or gone from staging.

    A batch none of whose rows won in the fact (all repeated by later batches) is looked at again
    on every run. That costs time and changes nothing.
#}
{% macro batch_state() -%}
    _batch_id || '@' || cast(_loaded_at as varchar)
{%- endmacro %}


{#
    SELECT of the `_batch_id`s that `fact` has to process, to be used as a CTE.

    The var `backfill_batches` adds batches whatever their state says:
        dbt build --select fct_trips --vars '{backfill_batches: ["20191001T000000"]}'
#}
{% macro unreflected_batches(staged, fact) -%}
    select coalesce(staged._batch_id, reflected._batch_id) as _batch_id
    from (
        select
            _batch_id,
            {{ batch_state() }} as state
        from {{ staged }}
        group by _batch_id, _loaded_at
    ) as staged
    full outer join (
        select
            _batch_id,
            {{ batch_state() }} as state
        from {{ fact }}
        group by _batch_id, _loaded_at
    ) as reflected
        on staged.state = reflected.state
    where staged.state is null or reflected.state is null
    {%- for batch_id in backfill_batches() %}
    union all
    select '{{ batch_id }}' as _batch_id
    {%- endfor %}
{%- endmacro %}


{# The var `backfill_batches`, checked: a list of batch ids such as "20191001T000000". #}
{% macro backfill_batches() %}
    {% set batches = var('backfill_batches', []) %}
    {% if batches is string or batches is not sequence %}
        {{ exceptions.raise_compiler_error(
            "The var backfill_batches must be a list of batch ids, for example "
            ~ "--vars '{backfill_batches: [\"20191001T000000\"]}'; it is: " ~ batches
        ) }}
    {% endif %}
    {% for batch in batches if not modules.re.fullmatch('[0-9]{8}T[0-9]{6}', batch | string) %}
        {{ exceptions.raise_compiler_error(
            "The var backfill_batches holds '" ~ batch ~ "'. A batch id is the start of the data "
            ~ "interval as YYYYMMDDTHHMMSS, for example 20191001T000000."
        ) }}
    {% endfor %}
    {{ return(batches) }}
{% endmacro %}
