-- SHOW commands as functions: path is the dotted name's parts.
-- The database that a path means, before this many names of it: system schemas are in each.
create or replace function pg_internal.database_at(path text[], names integer) returns varchar
language sql stable as $$
    select case when cardinality(path) > names then pg_internal.whole_name(path[1])
        else pg_internal.used_database() end
$$;
create or replace function pg_internal.show_tables(path text[], pattern text default '%')
returns table (
    database_name varchar, schema_name varchar, table_name varchar, table_type varchar,
    table_acl varchar, remarks varchar, owner varchar, last_altered_time timestamp,
    last_modified_time timestamp, dist_style varchar, table_subtype varchar
) language sql stable as $$
    select
        pg_internal.database_at(path, 1), pg_internal.schema_of(n.nspname), pg_internal.shown(c.relname),
        (case c.relkind when 'r' then 'TABLE' else 'VIEW' end)::varchar,
        array_to_string(c.relacl, '~')::varchar, obj_description(c.oid, 'pg_class')::varchar,
        pg_get_userbyid(c.relowner)::varchar, null::timestamp,
        (select max(x.started_at) from pg_internal.insertion as x where x.table_id = c.oid),
        case when c.relkind = 'r' and c.relpersistence <> 't' then pg_internal.dist_style(t.attributes) end::varchar,
        (case
            when c.relkind = 'r' then 'REGULAR TABLE'
            when l.view_id is not null then 'LATE BINDING VIEW'
            when m.view_id is not null then 'MATERIALIZED VIEW'
            else 'REGULAR VIEW'
        end)::varchar
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    left join pg_internal.late_binding_view as l on l.view_id = c.oid
    left join pg_internal.materialized_view as m on m.view_id = c.oid
    left join pg_internal.table_attributes as t on t.table_id = c.oid
    where pg_internal.name_of_rows(c.oid) is null and n.nspname = pg_internal.namespace_if_any(path) and c.relkind in ('r', 'v') and pg_internal.shown(c.relname) like pattern
    order by pg_internal.shown(c.relname) collate "C"
$$;
create or replace function pg_internal.show_columns(path text[], pattern text default '%')
returns table (
    database_name varchar, schema_name varchar, table_name varchar, column_name varchar,
    ordinal_position integer, column_default varchar, is_nullable varchar, data_type varchar,
    character_maximum_length integer, numeric_precision integer, numeric_scale integer,
    remarks varchar, sort_key_type varchar, sort_key integer, dist_key integer, encoding varchar,
    "collation" varchar
) language sql stable as $$
    select
        pg_internal.database_at(path, 2), pg_internal.schema_of(c.table_schema), pg_internal.shown(c.table_name),
        pg_internal.shown(c.column_name), c.ordinal_position::integer, c.column_default::varchar,
        c.is_nullable::varchar,
        (case when c.domain_name = 'super' then 'super' when c.data_type = 'text' then 'character varying'
            when c.udt_name = 'varbyte' then 'binary varying' else c.data_type end)::varchar,
        (case when c.data_type in ('text', 'character varying') then coalesce(c.character_maximum_length, 65535)
            else c.character_maximum_length end)::integer,
        c.numeric_precision::integer, c.numeric_scale::integer,
        pg_catalog.col_description(
            to_regclass(quote_ident(c.table_schema) || '.' || quote_ident(c.table_name)),
            c.ordinal_position::integer
        )::varchar,
        null::varchar, null::integer, null::integer, null::varchar, null::varchar
    from information_schema.columns as c
    where c.table_schema = pg_internal.namespace_if_any(path[:cardinality(path) - 1])
        and c.table_name = pg_internal.stored_name(path[cardinality(path)]) and pg_internal.shown(c.column_name) like pattern
    order by c.ordinal_position
$$;
create or replace function pg_internal.show_late_binding_columns(
    path text[], views jsonb, pattern text default '%'
)
returns table (
    database_name varchar, schema_name varchar, table_name varchar, column_name varchar,
    ordinal_position integer, column_default varchar, is_nullable varchar, data_type varchar,
    character_maximum_length integer, numeric_precision integer, numeric_scale integer,
    remarks varchar, sort_key_type varchar, sort_key integer, dist_key integer, encoding varchar,
    "collation" varchar
) language sql stable as $$
    select
        pg_internal.database_of(c ->> 's'), pg_internal.schema_of(c ->> 's'),
        (c ->> 'v')::varchar, (c ->> 'n')::varchar, (c ->> 'i')::integer, null::varchar, 'YES'::varchar,
        regexp_replace(c ->> 't', '\(.*\)', '')::varchar,
        case when c ->> 't' like 'character%' then substring(c ->> 't' from '\((\d+)')::integer end,
        case when c ->> 't' like 'numeric%' then substring(c ->> 't' from '\((\d+)')::integer end,
        case when c ->> 't' like 'numeric%' then substring(c ->> 't' from ',(\d+)')::integer end,
        null::varchar, null::varchar, null::integer, null::integer, null::varchar, null::varchar
    from jsonb_array_elements(coalesce(views, '[]')) as c
    where c ->> 's' = pg_internal.shown(pg_internal.namespace_if_any(path[:cardinality(path) - 1]))
        and c ->> 'v' = pg_internal.shown(path[cardinality(path)])
        and c ->> 'n' like pattern
    order by 5
$$;
create or replace function pg_internal.show_schemas(path text[], pattern text default '%')
returns table (
    database_name varchar, schema_name varchar, schema_owner varchar, schema_type varchar,
    schema_acl varchar, source_database varchar, schema_option varchar
) language sql stable as $$
    select
        pg_internal.database_at(path, 0), schema_name, pg_get_userbyid(schema_owner::oid)::varchar,
        schema_type, schema_acl, ''::varchar, schema_option
    from pg_catalog.svv_redshift_schemas
    where (database_name = pg_internal.database_at(path, 0) or pg_internal.is_system(schema_name))
        and pg_internal.namespace_if_any(path || '{public}'::text[]) is not null
        and schema_name like pattern
    order by schema_name collate "C"
$$;
create or replace function pg_internal.show_databases(path text[], pattern text default '%')
returns setof pg_catalog.svv_redshift_databases language sql stable as
    $$ select * from pg_catalog.svv_redshift_databases where database_name like pattern $$;
