{#
    A key that is never NULL and that differs whenever a part differs: MD5 over the parts, each
    written as its length and its text ("3:abc"), a NULL as "-". The lengths keep ('a', 'bc')
    apart from ('ab', 'c'), and the dash keeps NULL apart from ''.

    parts: SQL expressions, cast to varchar here (65535, because plain VARCHAR is 256 bytes and a
    cast cuts what is longer without a word). A timestamp or a float has no one text form:
    cast it yourself first.
#}
{% macro surrogate_key(parts) -%}
    md5(
        {%- for part in parts %}
        coalesce(len(cast({{ part }} as varchar(65535))) || ':' || cast({{ part }} as varchar(65535)), '-')
        {%- if not loop.last %} ||{% endif %}
        {%- endfor %}
    )
{%- endmacro %}


{# The key of a dimension's unknown member: what a fact row points to when the source named none. #}
{% macro unknown_key() -%}
    '00000000000000000000000000000000'
{%- endmacro %}
