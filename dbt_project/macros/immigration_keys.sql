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


{# Codes of one of the arrivals' columns that the label file lacks, with the number of arrivals that have each. #}
{% macro unlisted_codes(code_of, arrivals_key, dimension, dimension_key) -%}
    select
        '{{ code_of }}' as code_of,
        cast(arrivals.{{ arrivals_key }} as varchar(16)) as code,
        count(*) as arrivals
    from {{ ref('fct_arrivals') }} as arrivals
    inner join {{ ref(dimension) }} as codes
        on arrivals.{{ arrivals_key }} = codes.{{ dimension_key }}
    where codes.code_status = 'unlisted'
    group by arrivals.{{ arrivals_key }}
{%- endmacro %}
