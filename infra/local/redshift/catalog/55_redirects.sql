-- PostgreSQL's catalogs as Redshift shows them. A query that names one of them reads the query here
-- instead, by the way of late-binding views: the gateway puts it in.
create or replace function pg_internal.redirect(catalog regclass, query text) returns void
language sql as $$
    insert into pg_internal.late_binding_view values (catalog, query, '')
    on conflict (view_id) do update set definition = excluded.definition
$$;

create or replace function pg_internal.columns_shown(catalog regclass, alias text, names text[])
returns text language sql stable as $$
    select string_agg(
        case
            when attname in ('nspname', 'schemaname', 'table_schema', 'schema_name')
                then format('pg_internal.schema_of(%1$s.%2$I) as %2$I', alias, attname)
            when attname in ('table_catalog', 'catalog_name')
                then format('pg_internal.current_database() as %I', attname)
            when attname = any(names) then format('pg_internal.shown(%1$s.%2$I) as %2$I', alias, attname)
            else format('%s.%I', alias, attname) end, ', ' order by attnum
    )
    from pg_catalog.pg_attribute where attrelid = catalog and attnum > 0 and not attisdropped
$$;
-- A catalog's columns for a row that is like another row of it; `changed` by name.
create or replace function pg_internal.columns_like(catalog regclass, alias text, changed jsonb)
returns text language sql stable as $$
    select string_agg(
        coalesce('(' || (changed ->> attname) || ')::' || format_type(
            case when attname in ('relname', 'attname', 'proname', 'datname') then 'varchar'::regtype
                else atttypid end, null
        ) || ' as ' || quote_ident(attname), format('%s.%I', alias, attname)), ', ' order by attnum
    )
    from pg_catalog.pg_attribute where attrelid = catalog and attnum > 0 and not attisdropped
$$;

-- Definitions as their creators wrote them, where PostgreSQL's view is not what they made.
create or replace view pg_internal.definitions as
select view_id, original || ';' as original from pg_internal.materialized_view
union all
select view_id, original || ';' from pg_internal.late_binding_view where original <> '';

create or replace view pg_internal.views as
select
    pg_internal.schema_of(n.nspname) as schemaname, pg_internal.shown(c.relname) as viewname,
    pg_catalog.pg_get_userbyid(c.relowner) as viewowner,
    pg_internal.whole_names(coalesce(d.original, pg_catalog.pg_get_viewdef(c.oid))) as definition
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_internal.definitions as d on d.view_id = c.oid
where c.relkind = 'v' and n.nspname <> 'pg_internal' and pg_internal.is_here(n.nspname);
select pg_internal.redirect('pg_catalog.pg_views', 'select * from pg_internal.views');

create or replace view pg_internal.view_definitions as
select
    pg_internal.current_database() as table_catalog, pg_internal.schema_of(v.table_schema) as table_schema,
    pg_internal.shown(v.table_name) as table_name,
    pg_internal.whole_names(coalesce(d.original, v.view_definition))::varchar as view_definition, v.check_option,
    v.is_updatable, v.is_insertable_into
from information_schema.views as v
left join pg_internal.definitions as d
    on d.view_id = pg_catalog.to_regclass(quote_ident(v.table_schema) || '.' || quote_ident(v.table_name))
where v.table_schema <> 'pg_internal' and pg_internal.is_here(v.table_schema);
select pg_internal.redirect(
    'information_schema.views', 'select * from pg_internal.view_definitions'
);
select pg_internal.redirect('information_schema.columns', 'select * from pg_internal.columns');

create or replace view pg_internal.groups as
select groname, grosysid, grolist from pg_catalog.pg_group
where groname not like 'pg\_%' and groname not like 'role:%';
select pg_internal.redirect('pg_catalog.pg_group', 'select * from pg_internal.groups');

-- What shows schemas leaves out those of other databases, and ours.
do $do$ begin execute 'create or replace view pg_internal.namespaces as select '
    || pg_internal.columns_shown('pg_catalog.pg_namespace', 'n', '{}') || $view$
from pg_catalog.pg_namespace as n where n.nspname <> 'pg_internal' and pg_internal.is_here(n.nspname)
$view$; end $do$;
select pg_internal.redirect('pg_catalog.pg_namespace', 'select * from pg_internal.namespaces');
do $do$ begin execute 'create or replace view pg_internal.schemata as select '
    || pg_internal.columns_shown('information_schema.schemata', 's', '{}') || $view$
from information_schema.schemata as s
where s.schema_name <> 'pg_internal' and pg_internal.is_here(s.schema_name)
$view$; end $do$;
select pg_internal.redirect('information_schema.schemata', 'select * from pg_internal.schemata');
do $do$ begin execute 'create or replace view pg_internal.tables_here as select '
    || pg_internal.columns_shown('information_schema.tables', 't', '{table_name}') || $view$
from information_schema.tables as t
where t.table_schema <> 'pg_internal' and pg_internal.is_here(t.table_schema)
$view$; end $do$;
select pg_internal.redirect('information_schema.tables', 'select * from pg_internal.tables_here');
do $do$ begin execute 'create or replace view pg_internal.tables_listed as select '
    || pg_internal.columns_shown('pg_catalog.pg_tables', 't', '{tablename}') || $view$
from pg_catalog.pg_tables as t
where t.schemaname <> 'pg_internal' and pg_internal.is_here(t.schemaname)
$view$; end $do$;
select pg_internal.redirect('pg_catalog.pg_tables', 'select * from pg_internal.tables_listed');
-- The database `postgres` is the server's own.
do $do$ begin execute 'create or replace view pg_internal.databases_listed as select '
    || pg_internal.columns_like('pg_catalog.pg_database', 'd', '{"datname": "d.datname"}') || $view$
from pg_catalog.pg_database as d where d.datname <> 'postgres'
union all select $view$ || pg_internal.columns_like('pg_catalog.pg_database', 'd',
        '{"oid": "o.id", "datname": "o.name", "datdba": "o.owner", "datacl": "null"}') || $view$
from pg_internal.database as o
join pg_catalog.pg_database as d on d.datname = current_database()
$view$; end $do$;
select pg_internal.redirect('pg_catalog.pg_database', 'select * from pg_internal.databases_listed');
