{#
    Materialization of a table that the DAGs of several sources build, at the same time if it so
    happens: `dim_date`. dbt's own `table` makes the new one under a fixed name and renames it, and
    two of those at once fail on each other's names.

    Here one transaction holds a lock (on an empty table, because LOCK keeps readers out; the set-up
    of `ops` creates it, and a person's own schemas get theirs here), looks the
    table up anew, because dbt's cache is as old as the process, and only changes what differs:
    usually nothing. Readers see the old rows or the new ones, never a missing table.

    Needs `unique_key`. Other columns than the table has, or --full-refresh, make it anew; a column
    that only changes its type takes --full-refresh.
#}
{% materialization shared_table, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set key = config.require('unique_key') -%}
    {%- set columns = model.columns.keys() | join(', ') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- set lock_table = generate_schema_name('ops', none) | trim ~ '.lock__shared_tables' -%}
    {%- set lock_schema = lock_table.split('.')[0] -%}
    {%- if not adapter.check_schema_exists(this.database, lock_schema) -%}
        {%- do adapter.create_schema(
            api.Relation.create(database=this.database, schema=lock_schema)
        ) -%}
    {%- endif -%}
    {% call statement('create_lock') %}
        create table if not exists {{ lock_table }} (nothing smallint)
    {% endcall %}
    {%- do adapter.commit() -%}
    {% call statement('lock') %}lock table {{ lock_table }}{% endcall %}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set found = run_query(
        "select column_name from information_schema.columns where table_schema = '"
        ~ target_relation.schema | lower ~ "' and table_name = '"
        ~ target_relation.identifier | lower ~ "'"
    ).columns[0].values() | list -%}
    {%- set fits = found | sort == model.columns.keys() | list | sort -%}

    {% if fits and not should_full_refresh() %}
        {{ get_assert_columns_equivalent(sql) }}
        {% call statement('leave_out') %}
            delete from {{ target_relation }}
            where {{ key }} in (
                select {{ key }}
                from (
                    select {{ columns }} from {{ target_relation }}
                    except
                    select {{ columns }} from (
                        {{ sql }}
                    ) as wanted
                ) as unwanted
            )
        {% endcall %}
        {% call statement('main') %}
            insert into {{ target_relation }} ({{ columns }})
            select {{ columns }} from (
                {{ sql }}
            ) as wanted
            except
            select {{ columns }} from {{ target_relation }}
        {% endcall %}
    {% else %}
        {% if found %}
            {% call statement('drop_other') %}drop table {{ target_relation }}{% endcall %}
        {% endif %}
        {% call statement('main') %}
            {{ get_create_table_as_sql(False, target_relation, sql) }}
        {% endcall %}
    {% endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do apply_grants(target_relation, config.get('grants'), should_revoke=found | length > 0) %}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
