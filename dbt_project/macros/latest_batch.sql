{#
    Feeds whose contract says `batches: replace`: each batch is the whole feed, and only the latest
    counts. The staging model keeps to it; whatever reads the staging model never sees another:

        select * from {{ source('movies', 'ratings') }}
        where _batch_id = {{ latest_batch('movies', 'ratings') }}

    The latest is the last *interval*, so that an older batch that is loaded late, or again, doesn't
    win. A batch without rows replaces nothing: a file that holds only its header is no whole.

    The ledger is asked and not the staging table: it has one row per batch, and the load writes it
    in the transaction that writes the batch.
#}
{% macro latest_batch(source_name, feed) -%}
    {%- if execute and not replaces_batches(source_name, feed) -%}
        {{ exceptions.raise_compiler_error(
            "latest_batch('" ~ source_name ~ "', '" ~ feed ~ "'): the contract of this feed does not "
            ~ "say `batches: replace`, so all its batches count. Say so there, or read all of them."
        ) }}
    {%- endif -%}
    (
        select max(batch_id)
        from {{ source('ops', 'load_ledger') }}
        where
            source = '{{ source_name }}'
            and feed = '{{ feed }}'
            and status = 'loaded'
            and loaded_rows > 0
    )
{%- endmacro %}


{#
    Whether the contract says that each batch of a feed is the whole feed. A unit test knows no
    contracts (dbt gives it an empty graph) and says it itself: `overrides: {macros:
    {replaces_batches: true}}`.
#}
{% macro replaces_batches(source_name, feed) %}
    {% for node in graph.get('sources', {}).values() if node.source_name == source_name and node.name == feed %}
        {{ return(node.config.meta.get('batches') == 'replace') }}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}
