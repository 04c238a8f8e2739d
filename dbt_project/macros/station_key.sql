{#
    A station's name without what changes while the station stays: HTML's `&amp;` and the marks
    `(*)` and `(Temp)`, which come and go from file to file, runs of blanks. NULL when nothing is
    left. A trailing bare `*` or `- Charging` stays: those are charging docks with identifiers of
    their own. Bracket classes instead of backslashes, which Redshift's literals would eat.
#}
{% macro clean_station_name(name) -%}
    nullif(trim(regexp_replace(regexp_replace(
        replace({{ name }}, '&amp;', '&'), '([ ]*[(]([*]|Temp)[)])+[ ]*$', ''
    ), '[ ]+', ' ')), '')
{%- endmacro %}


{#
    The key of `dim_station`, made from one row alone: from the cleaned name, from the identifier
    where there is no name, the unknown member's where there is neither. Why the name: see the
    description of `dim_station`. That it needs no other row is what lets a fact be loaded
    incrementally and in any order and still equal its full refresh.
#}
{% macro station_key(name, id) -%}
    case
        when coalesce({{ name }}, {{ id }}) is null then {{ unknown_key() }}
        else {{ surrogate_key([name, 'case when ' ~ name ~ ' is null then ' ~ id ~ ' end']) }}
    end
{%- endmacro %}
