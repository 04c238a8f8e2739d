{#
    The key of `dim_taxi_zone`, made from the location's number alone; the unknown member's where
    there is none (files until June 2016 have coordinates instead).
#}
{% macro taxi_zone_key(location_id) -%}
    case
        when {{ location_id }} is null then {{ unknown_key() }}
        else {{ surrogate_key([location_id]) }}
    end
{%- endmacro %}
