{# What two decimal numbers of at most three digits before the point look like, a comma between. #}
{% macro coordinate_pattern() -%}
    ^[ ]*-?[0-9]{1,3}([.][0-9]+)?[ ]*,[ ]*-?[0-9]{1,3}([.][0-9]+)?[ ]*$
{%- endmacro %}
