{#
    SELECT of what became of a feed's records after the load, per batch, for `ops_<source>_rows`.

    staged: the feed's staging model; for a feed whose batches replace each other, whose staging
    model shows one batch only, the source itself.
    key, fact: for a feed that a fact is made of, the column that the fact has one row of, and the
    fact. What became of a record is then worked out from staging alone, so that the fact can be
    held against it: of the records with one key in a batch one counts, the others are repeats; and
    of the batches that hold the key only the latest counts. Where batches replace each other all
    rows but the latest batch's are superseded, with a fact or without; the key may be several
    columns, 'user_id, movie_id'.

    A model that was never built, of a source that never ran, gives no rows.
#}
{% macro feed_rows(source, feed, staged, key=none, fact=none) -%}
    {%- set needed = [staged, fact] | select | list -%}
    {%- set missing = [] -%}
    {%- set replaces = execute and replaces_batches(source, feed) -%}
    {%- for relation in needed if execute and not relation.is_cte and load_relation(relation) is none -%}
        {%- do missing.append(relation) -%}
    {%- endfor -%}
    select
        cast('{{ source }}' as varchar(64)) as source,
        cast('{{ feed }}' as varchar(64)) as feed,
        {% if missing -%}
        cast(null as varchar(32)) as batch_id,
        cast(null as bigint) as staged_rows,
        cast(null as bigint) as repeated_rows,
        cast(null as bigint) as superseded_rows,
        cast(null as bigint) as fact_rows
    from (select 1 as nothing) as nothing
    where 1 = 0
        {%- elif not fact -%}
        staged._batch_id as batch_id,
        cast(count(*) as bigint) as staged_rows,
        cast(null as bigint) as repeated_rows,
        {% if replaces -%}
        case when staged._batch_id < max(staged._batch_id) over () then count(*) else 0 end
            as superseded_rows,
        {%- else -%}
        cast(null as bigint) as superseded_rows,
        {%- endif %}
        cast(null as bigint) as fact_rows
    from {{ staged }} as staged
    group by staged._batch_id
        {%- else -%}
        staged._batch_id as batch_id,
        cast(staged.staged_rows as bigint) as staged_rows,
        cast(staged.repeated_rows as bigint) as repeated_rows,
        cast(staged.superseded_rows as bigint) as superseded_rows,
        cast(coalesce(facts.fact_rows, 0) as bigint) as fact_rows
    from (
        select
            versions._batch_id,
            sum(versions.records) as staged_rows,
            sum(versions.records - 1) as repeated_rows,
            sum(versions.superseded) as superseded_rows
        from (
            select
                _batch_id,
                {{ key }},
                count(*) as records,
                case
                    when _batch_id < max(_batch_id) over (
                        {%- if not replaces %}partition by {{ key }}{% endif -%}
                    ) then 1
                    else 0
                end as superseded
            from {{ staged }}
            group by _batch_id, {{ key }}
        ) as versions
        group by versions._batch_id
    ) as staged
    left join (
        select
            _batch_id,
            count(*) as fact_rows
        from {{ fact }}
        group by _batch_id
    ) as facts
        on staged._batch_id = facts._batch_id
        {%- endif -%}
{%- endmacro %}
