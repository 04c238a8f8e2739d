{#
    Which batches must an incremental fact process, and which rows have to be looked at?

    What a run costs has to follow the batch, not the history. So the fact keeps a small table of
    what it has merged, `ops.merged__<fact>`: a row per batch with the batch's state in the load's
    ledger and the first and last day of its rows. A batch is *touched* when the two differ: loaded
    since, loaded again, or withdrawn. Then only the touched batches are read, and of everything
    else only the *window*: the days of the touched batches, as they are and as they were merged,
    `lookback_days` wider at both ends. Both reach the warehouse as literals, because Redshift skips
    blocks by literals ("Sort keys", Database Developer Guide).

    Never by a time watermark: that misses late and re-loaded batches, and is NULL on an empty fact.

    The table changes in the transaction that changes the fact, so that neither can be ahead of the
    other. An empty fact, or one that nothing is known of, is merged from all batches. The table
    does not see what somebody does to the fact by hand; the tests do, and `backfill_batches` or
    `--full-refresh` repairs it.

    A fact's model names in its meta the staging models that it is made of, and the date or
    timestamp, never NULL and of the same name in both, that it is sorted by:

        meta={'delete_window_on': 'started_at', 'batches_of': 'stg_bikeshare__trips'}

    `batches_of` may be a list. A batch id that one of its feeds changed is touched for all of them.
    A fact without it is made by other means: only its increment's keys are replaced.
#}


{#
    Predicates for a fact's query: is the row of a touched batch, and within the window? dbt renders
    the query before the merge's lock is taken, when it is too early to tell. So these write a mark,
    which is false, and `with_touched` puts the literals in when the increment is made.
#}
{% macro in_touched_batches(column='_batch_id') -%}
    {%- do backfill_batches() -%}  {# a wrong one is an error at once #}
    (1 = 0 /* touched batches: {{ column }} */)
{%- endmacro %}
{% macro in_touched_window(column) -%}
    (1 = 0 /* touched window: {{ column }} */)
{%- endmacro %}
{% macro with_touched(sql, touched) %}
    {% set batches = '\\1 in (' ~ touched.batches ~ ')' %}
    {% set window = '\\1 ' ~ touched.window if touched.window else '1 = 1' %}
    {% set sql = modules.re.sub('\\(1 = 0 /\\* touched batches: (\\S+) \\*/\\)', batches, sql) %}
    {% do return(modules.re.sub('\\(1 = 0 /\\* touched window: (\\S+) \\*/\\)', window, sql)) %}
{% endmacro %}


{#
    What the merge of this run has to process, asked under its lock: `batches`, literals, at least
    one; `window`, for example "between '2019-07-31' and '2020-01-02'", none for a fact without one;
    `column` that the window is on; `all`, whether nothing is known of the fact.
#}
{% macro find_touched() %}
    {% set meta = config.get('meta', {}) %}
    {% set table = merged_batches_table() %}
    {% set rows = run_query("select count(*) from (select 1 as one from " ~ this ~ " limit 1) as any_row") %}
    {% if rows.rows[0][0] == 0 %}
        {% do run_query("delete from " ~ table ~ " where fact = '" ~ fact_name() ~ "'") %}
    {% endif %}
    {% set found = run_query(touched_batches_sql(table)).rows %}
    {% set quoted = ["''"] %}
    {% for row in found if row[0] is not none %}
        {% do quoted.append("'" ~ (row[0] | replace("'", "''")) ~ "'") %}
    {% endfor %}
    {% set batches = (quoted if quoted | length == 1 else quoted[1:]) | join(', ') %}
    {% set touched = {
        'batches': batches,
        'column': meta.get('delete_window_on'),
        'window': none,
        'all': run_query(
            "select count(*) from " ~ table ~ " where fact = '" ~ fact_name() ~ "'"
        ).rows[0][0] == 0,
    } %}
    {% if touched.column %}
        {% set days = run_query(touched_window_sql(table, touched)).rows[0] %}
        {% do touched.update({
            'window': "between '" ~ (days[0] or '9999-12-31') ~ "' and '" ~ (days[1] or '0001-01-01') ~ "'"
        }) %}
    {% endif %}
    {% do return(touched) %}
{% endmacro %}


{# SELECT of the ids of touched batches; the var `backfill_batches` adds some, whatever their state. #}
{% macro touched_batches_sql(table) -%}
    select coalesce(loaded.batch_id, merged.batch_id) as batch_id
    from (
        {{ loaded_batches_sql() }}
    ) as loaded
    full outer join (
        select source, feed, batch_id, state from {{ table }} where fact = '{{ fact_name() }}'
    ) as merged
        on
            loaded.source = merged.source
            and loaded.feed = merged.feed
            and loaded.batch_id = merged.batch_id
            and loaded.state = merged.state
    where loaded.batch_id is null or merged.batch_id is null
    group by coalesce(loaded.batch_id, merged.batch_id)
    {%- for batch_id in backfill_batches() %}
    union
    select '{{ batch_id }}' as batch_id
    {%- endfor %}
    order by 1
{%- endmacro %}


{# SELECT of the window's first and last day; NULL when the touched batches have and had no rows. #}
{% macro touched_window_sql(table, touched) -%}
    {%- set days = var('lookback_days') | int -%}
    select
        to_char(dateadd(day, -{{ days }}, min(first_at)), 'YYYY-MM-DD') as first_day,
        to_char(dateadd(day, {{ days + 1 }}, max(last_at)), 'YYYY-MM-DD') as last_day
    from (
        {{ staged_days_sql(touched.column, touched.batches) }}
        union all
        select
            batch_id,
            first_at,
            last_at
        from {{ table }}
        where fact = '{{ fact_name() }}' and batch_id in ({{ touched.batches }})
    ) as days
{%- endmacro %}


{#
    Statements that note in the fact's table what it will have merged when the transaction commits:
    the touched batches, or all when the fact is built anew.
#}
{% macro record_merged_batches_sql(touched=none) -%}
    {%- set batches = touched.batches if touched and not touched.all else none -%}
    {%- set column = config.get('meta', {}).get('delete_window_on') -%}
    delete from {{ merged_batches_table() }}
    where
        fact = '{{ fact_name() }}'
        {%- if batches %}
        and batch_id in ({{ batches }})
        {%- endif %};
    insert into {{ merged_batches_table() }} (fact, source, feed, batch_id, state, first_at, last_at)
    select
        '{{ fact_name() }}',
        loaded.source,
        loaded.feed,
        loaded.batch_id,
        loaded.state,
        {{ 'days.first_at, days.last_at' if column else 'null, null' }}
    from (
        {{ loaded_batches_sql() }}
    ) as loaded
    {%- if column %}
    left join (
        select
            batch_id,
            min(first_at) as first_at,
            max(last_at) as last_at
        from (
            {{ staged_days_sql(column, batches) }}
        ) as staged
        group by batch_id
    ) as days
        on loaded.batch_id = days.batch_id
    {%- endif %}
    {%- if batches %}
    where loaded.batch_id in ({{ batches }})
    {%- endif %}
{%- endmacro %}


{#
    SELECT of the batches of the fact's feeds, as the load's ledger has them now. Of a feed whose
    batches replace each other that is the latest: one that a newer one replaced counts as withdrawn.
#}
{% macro loaded_batches_sql() -%}
    select
        source,
        feed,
        batch_id,
        coalesce(manifest_sha256, '') || '@' || coalesce(cast(data_loaded_at as varchar), '') as state
    from {{ source('ops', 'load_ledger') }}
    where
        status = 'loaded'
        and (
            {%- for staged in batches_of() %}
            {%- set source_name, feed = staged[4:].split('__') %}
            {{ 'or ' if not loop.first }}(
                source = '{{ source_name }}'
                and feed = '{{ feed }}'
                {%- if replaces_batches(source_name, feed) %}
                and batch_id = {{ latest_batch(source_name, feed) }}
                {%- endif %}
            )
            {%- endfor %}
        )
{%- endmacro %}


{# SELECT of the first and last time of each batch in staging; of `batches`, or of all. #}
{% macro staged_days_sql(column, batches) -%}
    {%- for staged in batches_of() %}
        select
            _batch_id as batch_id,
            cast(min({{ column }}) as timestamp) as first_at,
            cast(max({{ column }}) as timestamp) as last_at
        from {{ ref(staged) }}
        {%- if batches %}
        where _batch_id in ({{ batches }})
        {%- endif %}
        group by _batch_id
        {%- if not loop.last %}
        union all
        {%- endif %}
    {%- endfor %}
{%- endmacro %}


{# The staging models that this fact is made of: `batches_of` of its meta, as a list. #}
{% macro batches_of() %}
    {% set names = config.get('meta', {}).get('batches_of', []) %}
    {% set names = [names] if names is string else names %}
    {% for name in names if not modules.re.fullmatch('stg_.+__.+', name) %}
        {{ exceptions.raise_compiler_error(
            this ~ ": meta.batches_of must name the staging models that the fact is made of, for "
            ~ "example 'stg_bikeshare__trips'; it is: " ~ names
        ) }}
    {% endfor %}
    {% do return(names) %}
{% endmacro %}


{% macro merged_batches_table() -%}
    {{ generate_schema_name('ops', none) | trim }}.merged__{{ this.identifier }}
{%- endmacro %}
{% macro fact_name() -%}
    {{ this.database }}.{{ this.schema }}.{{ this.identifier }}
{%- endmacro %}


{# The var `backfill_batches`, checked: a list of batch ids such as "20191001T000000". #}
{% macro backfill_batches() %}
    {% set batches = var('backfill_batches', []) %}
    {% if batches is string or batches is not sequence %}
        {{ exceptions.raise_compiler_error(
            "The var backfill_batches must be a list of batch ids, for example "
            ~ "--vars '{backfill_batches: [\"20191001T000000\"]}'; it is: " ~ batches
        ) }}
    {% endif %}
    {% for batch in batches if not modules.re.fullmatch('[0-9]{8}T[0-9]{6}', batch | string) %}
        {{ exceptions.raise_compiler_error(
            "The var backfill_batches holds '" ~ batch ~ "'. A batch id is the start of the data "
            ~ "interval as YYYYMMDDTHHMMSS, for example 20191001T000000."
        ) }}
    {% endfor %}
    {{ return(batches) }}
{% endmacro %}
