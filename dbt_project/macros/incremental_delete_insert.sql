{#
    The delete+insert strategy of every incremental fact here. dbt looks a macro of this name up
    in the project before it takes the adapter's (which only deletes by key and inserts).

    When it runs, the increment stands in a temporary table and nothing is changed yet. It
      1. refuses an increment with a NULL or repeated key: `delete … where key in (…)` never
         finds a NULL, and would so insert it again on every run;
      2. bounds the delete by the sort key, with literals, because Redshift skips blocks by
         literals: the increment's first and last value, `lookback_days` wider at both ends;
      3. removes what staging no longer holds: fact rows whose batch state (id and load time) is
         gone, because the batch was loaded again or withdrawn;
      4. deletes the increment's keys and inserts the increment, as the adapter does.
    3 and 4 are one call, inside the transaction that `take_merge_lock` opened: a kill at any
    moment leaves all or nothing, and a lost connection cannot be retried half-way, because the
    temporary table is lost with it.

    The window is a promise: a correction that comes with *another* batch moves a trip's start by
    at most `lookback_days`. A larger move would leave the old row behind; `unique` on the key
    then fails, and this repairs it:
        dbt build --select <fact> --vars '{lookback_days: 4000, backfill_batches: ["<batch>"]}'

    The model's meta says what it needs (both optional):
        meta={'delete_window_on': 'started_at', 'batches_of': 'stg_bikeshare__trips'}
#}
{% macro redshift__get_incremental_delete_insert_sql(arg_dict) %}
    {% set target = arg_dict['target_relation'] %}
    {% set increment = arg_dict['temp_relation'] %}
    {% set key = arg_dict['unique_key'] %}
    {% set meta = config.get('meta', {}) %}
    {% set predicates = [] + (arg_dict['incremental_predicates'] or []) %}

    {% do assert_increment_key(target, increment, key) %}

    {% if meta.get('delete_window_on') %}
        {% do predicates.append(delete_window(increment, meta.get('delete_window_on'))) %}
    {% endif %}

    {% set statements = [] %}
    {% if meta.get('batches_of') %}
        {% do statements.append(delete_withdrawn_sql(target, ref(meta.get('batches_of')))) %}
    {% endif %}
    {% do statements.append(
        get_delete_insert_merge_sql(target, increment, key, arg_dict['dest_columns'], predicates)
    ) %}
    {% do return(statements | join(';\n')) %}
{% endmacro %}


{# Stops the run, before anything is changed, when a key of the increment is NULL or repeated. #}
{% macro assert_increment_key(target, increment, key) %}
    {% if key is not string %}
        {{ exceptions.raise_compiler_error(
            target ~ ": unique_key must name one column, a surrogate key made by surrogate_key()."
        ) }}
    {% endif %}
    {% set found = run_query(
        "select count(*) - count(" ~ key ~ ") as nulls, count(" ~ key ~ ") - count(distinct "
        ~ key ~ ") as repeats from " ~ increment
    ).rows[0] %}
    {% if found[0] > 0 or found[1] > 0 %}
        {{ exceptions.raise_compiler_error(
            target ~ " was not changed: the increment has " ~ found[0] ~ " rows whose " ~ key
            ~ " is NULL and " ~ found[1] ~ " rows that repeat a " ~ key ~ ". Make the key with "
            ~ "surrogate_key() and keep one row per key with row_number()."
        ) }}
    {% endif %}
{% endmacro %}


{# The predicate that bounds the delete: literals around the increment's range of `column`. #}
{% macro delete_window(increment, column) %}
    {% set days = var('lookback_days') | int %}
    {% set bounds = run_query(
        "select to_char(dateadd(day, -" ~ days ~ ", min(" ~ column ~ ")), 'YYYY-MM-DD') || ' 00:00:00',"
        ~ " to_char(dateadd(day, " ~ days ~ ", max(" ~ column ~ ")), 'YYYY-MM-DD') || ' 23:59:59.999999'"
        ~ " from " ~ increment
    ).rows[0] %}
    {% if bounds[0] is none %}
        {% do return('1 = 0') %}
    {% endif %}
    {% do return(
        column ~ " between cast('" ~ bounds[0] ~ "' as timestamp) and cast('" ~ bounds[1] ~ "' as timestamp)"
    ) %}
{% endmacro %}


{# DELETE of the fact's rows whose batch state is no longer in `staged`. #}
{% macro delete_withdrawn_sql(target, staged) -%}
    delete from {{ target }}
    where {{ batch_state() }} not in (
        select {{ batch_state() }}
        from {{ staged }}
        where _batch_id is not null and _loaded_at is not null
        group by _batch_id, _loaded_at
    )
{%- endmacro %}


{#
    Pre-hook of an incremental fact: one merge at a time, all of it in one transaction.

    The lock is the transaction's first statement, so that everything after it, the increment too,
    is read from a snapshot taken when the merge before has committed (Redshift takes a
    transaction's snapshot at its first SELECT, DML or DDL; LOCK is none of them). Without a hook
    dbt makes the increment in a transaction of its own, before the one that merges it, and two
    merges of the same new batch would both insert it.

    What comes before the lock, its table included, ends with a commit, so that dbt has to open a
    new transaction for it. Not with dbt's `before_begin`: that sends a COMMIT which dbt's own
    bookkeeping does not see, and can leave a merge without a transaction.

    The lock is a table of its own in the ops schema, because LOCK keeps readers out too.
#}
{% macro take_merge_lock() -%}
    {%- set schema = generate_schema_name('ops', none) | trim -%}
    {%- set lock_table = schema ~ '.lock__' ~ this.identifier -%}
    {%- if execute -%}
        {%- if not adapter.check_schema_exists(this.database, schema) -%}
            {%- do adapter.create_schema(api.Relation.create(database=this.database, schema=schema)) -%}
        {%- endif -%}
        {%- call statement('create_merge_lock', auto_begin=true) -%}
            create table if not exists {{ lock_table }} (locked_by varchar(1))
        {%- endcall -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    lock table {{ lock_table }}
{%- endmacro %}
