{# Returns the rows whose column lies outside [at_least, at_most]; NULLs pass, as in SQL's CHECK. #}
{% test accepted_range(model, column_name, at_least=none, at_most=none) %}
    {% if at_least is none and at_most is none %}
        {{ exceptions.raise_compiler_error(
            "accepted_range on " ~ model ~ "." ~ column_name ~ " needs at_least, at_most or both."
        ) }}
    {% endif %}
    {% set outside = [] %}
    {% if at_least is not none %}{% do outside.append(column_name ~ ' < ' ~ at_least) %}{% endif %}
    {% if at_most is not none %}{% do outside.append(column_name ~ ' > ' ~ at_most) %}{% endif %}
    select {{ column_name }}
    from {{ model }}
    where {{ outside | join(' or ') }}
{% endtest %}
