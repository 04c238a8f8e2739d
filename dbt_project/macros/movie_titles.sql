{#
    The parts of a title as MovieLens types it: `Postman, The (Postino, Il) (1994)`.

    No backslash and no letter outside ASCII stands in the patterns: Redshift reads `\` as an escape
    in some literals, and POSIX classes of letters go by byte.
#}

{# The year or years at the title's end with their parentheses, '' if there are none. #}
{% macro title_years(title) -%}
    regexp_substr({{ title }}, '[(][0-9]{4}[^0-9()]*([0-9]{4})?[^0-9()]*[)]$')
{%- endmacro %}


{# The comma and the article behind a title, ', The'; '' if there is none. #}
{% macro trailing_article(title) -%}
    regexp_substr(
        {{ title }}, ', (The|An?|Les?|La|L''|El|L[ao]s|Il|Lo|Gli|De[rnt]?|Die|Das|Une?|Una|Het|Een)$'
    )
{%- endmacro %}
