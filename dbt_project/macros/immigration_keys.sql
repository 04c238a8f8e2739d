{# What a record's code is in the dimensions when the record has none: text codes, and numbers. #}
{% macro no_text_code() -%}
    '-'
{%- endmacro %}

{% macro no_number_code() -%}
    -1
{%- endmacro %}


{# The key of `dim_visitor`, from one record alone; `relation` is the alias that has its columns. #}
{% macro visitor_key(relation) -%}
    {{ surrogate_key([
        relation ~ '.gender', relation ~ '.birth_year', relation ~ '.citizenship_code',
        relation ~ '.residence_code', relation ~ '.occupation_code',
    ]) }}
{%- endmacro %}
