{#
    A feed's SUPER column as a value that can be navigated: `{{ captured('rest') }} as rest` in its
    staging model, then `rest.promo_code` anywhere.

    Preprocessing writes JSON as text, and COPY … SERIALIZETOJSON makes a string of a text, not an
    object ("Loading semistructured data", Database Developer Guide). What is an object stays one.
#}
{% macro captured(column) -%}
    json_parse(
        case
            when is_varchar({{ column }}) then cast({{ column }} as varchar(65535))
            else json_serialize({{ column }})
        end
    )
{%- endmacro %}
