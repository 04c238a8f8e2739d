{#
    dbt asks this macro to bring an incremental model's table to the columns of its query: to add
    columns with `on_schema_change: append_new_columns`, to add and drop with `sync_all_columns`.
    A dropped column is gone with all its history, and dbt drops what it merely fails to see (every
    column, on a datashare's consumer: https://github.com/dbt-labs/dbt-adapters/issues/1947). So
    dropping takes a flag, given for one run by a person:

        dbt build --select <model> --vars '{allow_column_drop: true}'
#}
{% macro redshift__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
    {% if remove_columns and not var('allow_column_drop', false) %}
        {{ exceptions.raise_compiler_error(
            relation ~ " was not changed: its columns "
            ~ (remove_columns | map(attribute='name') | join(', '))
            ~ " are no longer in the model, and dropping them loses their history. Restore them in "
            ~ "the model; or, if they shall go, run it once with --vars '{allow_column_drop: true}'."
        ) }}
    {% endif %}
    {% for column in add_columns or [] %}
        {% do run_query(
            "alter " ~ relation.type ~ " " ~ relation ~ " add column " ~ column.quoted ~ " "
            ~ column.data_type
        ) %}
    {% endfor %}
    {% for column in remove_columns or [] %}
        {% do run_query("alter " ~ relation.type ~ " " ~ relation ~ " drop column " ~ column.quoted) %}
    {% endfor %}
{% endmacro %}
