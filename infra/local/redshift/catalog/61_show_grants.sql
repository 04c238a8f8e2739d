-- SHOW GRANTS. A group is shown as a role whose name begins with a slash (dbt-redshift relies on it).
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_GRANTS.html
-- GRANT ALL gives more than can be had here: ALTER, DROP and RULE are shown where PostgreSQL's MAINTAIN
-- stands, which nothing but ALL brings.
create or replace function pg_internal.table_privileges(privilege text) returns setof text
language sql immutable as $$
    select unnest(case privilege when 'MAINTAIN' then array['ALTER', 'DROP', 'RULE'] else array[privilege] end)
$$;
create or replace view pg_internal.grants as
select
    n.nspname as namespace, 'TABLE'::varchar as object_type, pg_internal.shown(c.relname) as object_name,
    p.privilege as privilege_type, x.grantee, x.grantor, x.is_grantable
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral pg_catalog.aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as x
cross join lateral pg_internal.table_privileges(x.privilege_type) as p (privilege)
-- What owners may do is not granted to them: the privileges that redshift_connector's own tests expect
-- (test_metadataAPI_privileges.py, github.com/aws/amazon-redshift-python-driver).
where c.relkind in ('r', 'v') and x.grantee <> c.relowner and pg_internal.name_of_rows(c.oid) is null
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal')
union all
select
    n.nspname, 'SCHEMA', pg_internal.schema_of(n.nspname), x.privilege_type, x.grantee, x.grantor,
    x.is_grantable
from pg_catalog.pg_namespace as n
cross join lateral pg_catalog.aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
where n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal')
    and n.nspname not like 'pg\_toast%' and n.nspname not like 'pg\_temp%'
union all
select
    null, 'DATABASE', d.datname::varchar,
    case x.privilege_type when 'TEMPORARY' then 'TEMP' when 'CONNECT' then 'USAGE' else x.privilege_type end,
    x.grantee, x.grantor, x.is_grantable
from pg_catalog.pg_database as d
cross join lateral pg_catalog.aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as x
where d.datname = current_database();

create or replace view pg_internal.shown_grants as
select
    (case when namespace is null then object_name else pg_internal.database_of(namespace) end)::varchar
        as database_name,
    pg_internal.schema_of(namespace) as schema_name, object_name, object_type,
    privilege_type::varchar as privilege_type, grantee::integer as identity_id,
    (case pg_internal.identity_type(grantee) when 'group' then '/' else '' end
        || pg_internal.identity_name(grantee))::varchar as identity_name,
    (case pg_internal.identity_type(grantee) when 'group' then 'role'
        else pg_internal.identity_type(grantee) end)::varchar as identity_type,
    is_grantable as admin_option, object_type as privilege_scope,
    pg_internal.identity_name(grantor) as grantor_name, namespace
from pg_internal.grants;

-- What SHOW GRANTS shows; of a database without the middle columns (translate/show.py).
create or replace view pg_internal.shown_grant as
select
    database_name, schema_name, object_name, object_type, privilege_type, identity_id, identity_name,
    identity_type, admin_option, privilege_scope, grantor_name
from pg_internal.shown_grants;
-- On one object, TABLE, SCHEMA or DATABASE at a path, or on all of them (NULL).
create or replace function pg_internal.show_grants(kind text, path text[])
returns setof pg_internal.shown_grant language sql stable as $$
    select
        database_name, schema_name, object_name, object_type, privilege_type, identity_id,
        identity_name, identity_type, admin_option, privilege_scope, grantor_name
    from pg_internal.shown_grants
    where kind is null or object_type = kind and case kind
        when 'DATABASE' then object_name = path[1]
        when 'SCHEMA' then namespace = pg_internal.namespace_if_any(path)
        else object_name = pg_internal.shown(path[cardinality(path)]) and namespace = case
            when cardinality(path) > 1 then pg_internal.namespace_if_any(path[:cardinality(path) - 1])
            else (
                select n.nspname from pg_catalog.pg_class as c
                join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                where c.oid = pg_internal.relation_if_any(path)
            )
        end
    end
    order by database_name, schema_name nulls first, object_type, object_name, identity_id, privilege_type
$$;
