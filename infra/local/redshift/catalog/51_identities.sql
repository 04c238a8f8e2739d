-- Users, groups, roles, and what they may do.
-- A role of Redshift is a role role:<name> here, a group one that cannot log in.
create or replace function pg_internal.identity_name(id oid) returns varchar language sql stable as $$
    select coalesce(
        (select pg_internal.shown(regexp_replace(rolname, '^role:', '')) from pg_catalog.pg_roles where oid = id), 'public'
    )::varchar
$$;
create or replace function pg_internal.identity_type(id oid) returns varchar language sql stable as $$
    select coalesce((
        select case
            when starts_with(rolname, 'role:') then 'role' when rolcanlogin then 'user' else 'group'
        end
        from pg_catalog.pg_roles where oid = id
    ), 'public')::varchar
$$;
-- What is read by superusers is read by whoever has this role as well (90_grants.sql).
-- https://docs.aws.amazon.com/redshift/latest/dg/r_roles-default.html
do $do$ begin
    create role "role:sys:monitor";
exception when duplicate_object then null;
end $do$;
create or replace function pg_internal.sees_all() returns boolean language sql stable as $$
    select (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
        or pg_catalog.pg_has_role('role:sys:monitor', 'usage')
$$;
create or replace view pg_catalog.svv_roles as
select
    oid::integer as role_id, pg_internal.identity_name(oid) as role_name,
    'starlift'::varchar as role_owner, null::varchar as external_id
from pg_catalog.pg_roles where starts_with(rolname, 'role:');
create or replace view pg_catalog.svv_user_grants as
select
    m.member::integer as user_id, pg_internal.identity_name(m.member) as user_name,
    m.roleid::integer as role_id, pg_internal.identity_name(m.roleid) as role_name,
    m.admin_option
from pg_catalog.pg_auth_members as m
where pg_internal.identity_type(m.roleid) = 'role' and pg_internal.identity_type(m.member) = 'user';
create or replace view pg_catalog.svv_role_grants as
select
    m.member::integer as role_id, pg_internal.identity_name(m.member) as role_name,
    m.roleid::integer as granted_role_id, pg_internal.identity_name(m.roleid) as granted_role_name,
    m.admin_option
from pg_catalog.pg_auth_members as m
where pg_internal.identity_type(m.roleid) = 'role' and pg_internal.identity_type(m.member) = 'role';
create or replace view pg_catalog.svv_user_info as
select
    pg_internal.shown(rolname) as user_name, oid::integer as user_id, rolcreatedb as createdb,
    rolsuper as superuser, false as catalog_update, 'UNLIMITED'::varchar as connection_limit,
    'RESTRICTED'::varchar as syslog_access, null::timestamp as last_ddl_timestamp,
    0 as session_timeout, null::varchar as external_user_id
from pg_catalog.pg_roles where rolcanlogin and rolname <> 'postgres';
create or replace view pg_catalog.svv_schema_privileges as
select
    pg_internal.schema_of(n.nspname) as namespace_name, lower(x.privilege_type)::varchar as privilege_type,
    x.grantee::integer as identity_id, pg_internal.identity_name(x.grantee) as identity_name,
    pg_internal.identity_type(x.grantee) as identity_type, x.is_grantable as admin_option,
    'SCHEMA'::varchar as privilege_scope
from pg_catalog.pg_namespace as n
cross join lateral pg_catalog.aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
where n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal')
    and n.nspname not like 'pg\_toast%' and n.nspname not like 'pg\_temp%'
    and pg_internal.is_here(n.nspname);

create or replace view pg_internal.relation_privileges as
select
    n.nspname as namespace, pg_internal.schema_of(n.nspname) as namespace_name,
    pg_internal.shown(c.relname) as relation_name,
    lower(x.privilege_type)::varchar as privilege_type,
    x.grantee::integer as identity_id,
    pg_internal.identity_name(x.grantee) as identity_name,
    pg_internal.identity_type(x.grantee) as identity_type,
    x.is_grantable as admin_option
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral pg_catalog.aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as x
where c.relkind in ('r', 'v')
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal')
    and x.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REFERENCES', 'TRUNCATE');
create or replace view pg_catalog.svv_relation_privileges as
select
    namespace_name, relation_name, privilege_type, identity_id, identity_name, identity_type,
    admin_option
from pg_internal.relation_privileges where pg_internal.is_here(namespace);
