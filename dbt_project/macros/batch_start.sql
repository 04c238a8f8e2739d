{# The start of a batch's interval as a timestamp, UTC: what `20191101T000000` says. #}
{% macro batch_start(batch_id='_batch_id') -%}
    cast(
        left({{ batch_id }}, 4) || '-' || substring({{ batch_id }}, 5, 2) || '-'
        || substring({{ batch_id }}, 7, 2) || ' ' || substring({{ batch_id }}, 10, 2) || ':'
        || substring({{ batch_id }}, 12, 2) || ':' || substring({{ batch_id }}, 14, 2) as timestamp
    )
{%- endmacro %}
