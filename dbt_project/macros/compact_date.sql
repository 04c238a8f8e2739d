{#
    The date that a text of eight digits says, NULL where it says none: 30 February, words, blanks.

    text: SQL expression; order: MMDDYYYY or YYYYMMDD. TO_DATE alone makes 1 March of 30 February
    (https://docs.aws.amazon.com/redshift/latest/dg/r_TO_DATE_function.html), so what it made is
    written out again and compared, from the 29th on. The pattern comes first, and CASE keeps TO_DATE
    from the rest.
#}
{% macro compact_date(text, order) -%}
    {%- set patterns = {
        'MMDDYYYY': '^(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[12][0-9][0-9][0-9]$',
        'YYYYMMDD': '^[12][0-9][0-9][0-9](0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$',
    } -%}
    case
        when {{ text }} ~ '{{ patterns[order] }}'
            then
                case
                    when
                        substring({{ text }}, {{ order.index('DD') + 1 }}, 2) < '29'
                        or to_char(to_date({{ text }}, '{{ order }}'), '{{ order }}') = {{ text }}
                        then to_date({{ text }}, '{{ order }}')
                end
    end
{%- endmacro %}
