{# Returns a row when a table of days has gaps or repeats: last minus first day plus one <> rows. #}
{% test no_missing_days(model, column) %}
    select
        count(*) as days,
        datediff(day, min({{ column }}), max({{ column }})) + 1 as expected_days
    from {{ model }}
    having count(*) <> datediff(day, min({{ column }}), max({{ column }})) + 1
{% endtest %}
