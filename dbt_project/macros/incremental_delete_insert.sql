{#
    The delete+insert strategy of every incremental fact here. dbt looks a macro of this name up
    in the project before it takes the adapter's (which only deletes by key and inserts).

    When it runs, the increment stands in a temporary table and nothing is changed yet. It
      1. refuses an increment with a NULL or repeated key: `delete … where key in (…)` never
         finds a NULL, and would so insert it again on every run; and one with rows outside the
         window, in which alone older versions are looked for;
      2. deletes the fact's rows of the touched batches (macros/incremental_state.sql says which),
         because they were loaded again or withdrawn;
      3. deletes the increment's keys and inserts the increment, as the adapter does;
      4. notes the touched batches as merged.
    Every delete is bounded by the window. 2 to 4 are one call, inside the transaction that
    `take_merge_lock` opened: a kill at any moment leaves all or nothing, and a lost connection
    cannot be retried half-way, because the temporary table is lost with it.

    The window is a promise: a correction that comes with *another* batch moves a trip's start by
    at most `lookback_days`. A larger move would leave the old row behind; `unique` on the key
    then fails, and this repairs it:
        dbt build --select <fact> --vars '{lookback_days: 4000, backfill_batches: ["<batch>"]}'
#}
{% macro redshift__get_incremental_delete_insert_sql(arg_dict) %}
    {% set target = arg_dict['target_relation'] %}
    {% set increment = arg_dict['temp_relation'] %}
    {% set key = arg_dict['unique_key'] %}
    {% set predicates = [] + (arg_dict['incremental_predicates'] or []) %}
    {% set touched = find_touched() if batches_of() else {} %}

    {% do assert_increment(target, increment, key, touched) %}

    {% if touched.window %}
        {% do predicates.append(touched.column ~ ' ' ~ touched.window) %}
    {% endif %}
    {% set merge = get_delete_insert_merge_sql(
        target, increment, key, arg_dict['dest_columns'], predicates
    ) %}
    {% if not touched %}
        {% do return(merge) %}
    {% endif %}
    {% do return(
        [delete_touched_sql(target, touched), merge, record_merged_batches_sql(touched)] | join(';\n')
    ) %}
{% endmacro %}


{# Stops the run, before anything is changed, when the increment is not what step 1 above says. #}
{% macro assert_increment(target, increment, key, touched) %}
    {% if key is not string %}
        {{ exceptions.raise_compiler_error(
            target ~ ": unique_key must name one column, a surrogate key made by surrogate_key()."
        ) }}
    {% endif %}
    {% set outside = 'case when ' ~ touched.column ~ ' ' ~ touched.window ~ ' then 0 else 1 end' %}
    {% set found = run_query(
        "select count(*) - count(" ~ key ~ ") as nulls, count(" ~ key ~ ") - count(distinct "
        ~ key ~ ") as repeats, coalesce(sum(" ~ (outside if touched.window else '0')
        ~ "), 0) as outside from " ~ increment
    ).rows[0] %}
    {% if found[0] > 0 or found[1] > 0 %}
        {{ exceptions.raise_compiler_error(
            target ~ " was not changed: the increment has " ~ found[0] ~ " rows whose " ~ key
            ~ " is NULL and " ~ found[1] ~ " rows that repeat a " ~ key ~ ". Make the key with "
            ~ "surrogate_key() and keep one row per key with row_number()."
        ) }}
    {% endif %}
    {% if found[2] > 0 %}
        {{ exceptions.raise_compiler_error(
            target ~ " was not changed: the increment has " ~ found[2] ~ " rows whose "
            ~ touched.column ~ " is NULL or not " ~ touched.window ~ ". Read every version of a "
            ~ "row with in_touched_window(), and leave rows without " ~ touched.column ~ " out."
        ) }}
    {% endif %}
{% endmacro %}


{# DELETE of the fact's rows of the touched batches; of all when nothing is known of the fact. #}
{% macro delete_touched_sql(target, touched) -%}
    delete from {{ target }}
    {%- if not touched.all %}
    where
        _batch_id in ({{ touched.batches }})
        {%- if touched.window %}
        and {{ touched.column }} {{ touched.window }}
        {%- endif %}
    {%- endif %}
{%- endmacro %}


{#
    dbt makes an increment's temporary table with this macro, under the merge's lock: the moment to
    write into the fact's query what is touched. All else is the adapter's.
#}
{% macro redshift__create_table_as(temporary, relation, sql) -%}
    {%- if temporary and '/* touched ' in sql -%}
        {%- set sql = with_touched(sql, find_touched()) -%}
    {%- endif -%}
    {{ dbt.redshift__create_table_as(temporary, relation, sql) }}
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

    The lock is on the table of merged batches, because LOCK keeps readers out too. When the fact
    is built anew, the table is filled here: the build that follows reads the same snapshot.
#}
{% macro take_merge_lock() -%}
    {%- set table = merged_batches_table() -%}
    {%- if execute -%}
        {%- set schema = table.split('.')[0] -%}
        {%- if not adapter.check_schema_exists(this.database, schema) -%}
            {%- do adapter.create_schema(api.Relation.create(database=this.database, schema=schema)) -%}
        {%- endif -%}
        {%- call statement('create_merged_batches', auto_begin=true) -%}
            create table if not exists {{ table }} (
                fact varchar(400) not null,
                source varchar(64) not null,
                feed varchar(64) not null,
                batch_id varchar(32) not null,
                state varchar(128) not null,
                first_at timestamp,
                last_at timestamp
            )
        {%- endcall -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    lock table {{ table }}
    {%- if execute and not is_incremental() -%}
    ;
    {{ record_merged_batches_sql() }}
    {%- endif -%}
{%- endmacro %}
