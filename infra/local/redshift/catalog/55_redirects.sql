-- PostgreSQL's catalogs as Redshift shows them. A query that names one of them reads the query here
-- instead, by the way of late-binding views: the gateway puts it in.
create or replace function pg_internal.redirect(catalog regclass, query text) returns void
language sql as $$
    insert into pg_internal.late_binding_view values (catalog, query, '')
    on conflict (view_id) do update set definition = excluded.definition
$$;

create or replace view pg_internal.attributes as
select
    a.*,
    coalesce(t.attributes ->> 'distkey' = a.attname, false) as attisdistkey,
    coalesce(array_position(
        array(select jsonb_array_elements_text(t.attributes -> 'sortkey')), a.attname::text
    ), 0) as attsortkeyord
from pg_catalog.pg_attribute as a
left join pg_internal.table_attributes as t on t.table_id = a.attrelid;
select pg_internal.redirect('pg_catalog.pg_attribute', 'select * from pg_internal.attributes');

create or replace view pg_internal.classes as
select
    c.*,
    (case t.attributes ->> 'diststyle' when 'even' then 0 when 'key' then 1 when 'all' then 8 else 10 end)
        ::smallint as reldiststyle
from pg_catalog.pg_class as c
left join pg_internal.table_attributes as t on t.table_id = c.oid;
select pg_internal.redirect('pg_catalog.pg_class', 'select * from pg_internal.classes');

-- Definitions as their creators wrote them, where PostgreSQL's view is not what they made.
create or replace view pg_internal.definitions as
select view_id, original || ';' as original from pg_internal.materialized_view
union all
select view_id, original || ';' from pg_internal.late_binding_view where original <> '';

create or replace view pg_internal.views as
select
    n.nspname as schemaname, c.relname as viewname,
    pg_catalog.pg_get_userbyid(c.relowner) as viewowner,
    coalesce(d.original, pg_catalog.pg_get_viewdef(c.oid)) as definition
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_internal.definitions as d on d.view_id = c.oid
where c.relkind = 'v' and n.nspname <> 'pg_internal' and pg_internal.is_here(n.nspname);
select pg_internal.redirect('pg_catalog.pg_views', 'select * from pg_internal.views');

create or replace view pg_internal.view_definitions as
select
    v.table_catalog, v.table_schema, v.table_name,
    coalesce(d.original, v.view_definition)::varchar as view_definition, v.check_option,
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
create or replace view pg_internal.namespaces as
select * from pg_catalog.pg_namespace where nspname <> 'pg_internal' and pg_internal.is_here(nspname);
select pg_internal.redirect('pg_catalog.pg_namespace', 'select * from pg_internal.namespaces');
create or replace view pg_internal.schemata as
select * from information_schema.schemata
where schema_name <> 'pg_internal' and pg_internal.is_here(schema_name);
select pg_internal.redirect('information_schema.schemata', 'select * from pg_internal.schemata');
create or replace view pg_internal.tables_here as
select * from information_schema.tables
where table_schema <> 'pg_internal' and pg_internal.is_here(table_schema);
select pg_internal.redirect('information_schema.tables', 'select * from pg_internal.tables_here');
create or replace view pg_internal.tables_listed as
select * from pg_catalog.pg_tables
where schemaname <> 'pg_internal' and pg_internal.is_here(schemaname);
select pg_internal.redirect('pg_catalog.pg_tables', 'select * from pg_internal.tables_listed');
