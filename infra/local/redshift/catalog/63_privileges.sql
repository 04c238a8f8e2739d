-- Privileges and routines in Redshift's views of the current database.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMN_PRIVILEGES.html and its neighbours
-- r_SVV_DATABASE_PRIVILEGES, r_SVV_DEFAULT_PRIVILEGES, r_SVV_FUNCTION_PRIVILEGES, r_SVV_REDSHIFT_FUNCTIONS.
create or replace view pg_catalog.svv_column_privileges as
select
    pg_internal.schema_of(n.nspname) as namespace_name, pg_internal.shown(c.relname) as relation_name,
    pg_internal.shown(a.attname) as column_name, x.privilege_type::varchar as privilege_type,
    x.grantee::integer as identity_id, pg_internal.identity_name(x.grantee) as identity_name,
    pg_internal.identity_type(x.grantee) as identity_type
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral pg_catalog.aclexplode(a.attacl) as x
where c.oid >= 16384 and n.nspname <> 'pg_internal' and pg_internal.is_here(n.nspname);

create or replace view pg_catalog.svv_database_privileges as
select
    object_name as database_name, privilege_type::varchar as privilege_type, grantee::integer as identity_id,
    pg_internal.identity_name(grantee) as identity_name, pg_internal.identity_type(grantee) as identity_type,
    is_grantable as admin_option, 'DATABASE'::varchar as privilege_scope
from pg_internal.grants where object_type = 'DATABASE';

create or replace view pg_catalog.svv_default_privileges as
select
    pg_internal.schema_of(n.nspname) as schema_name,
    (case d.defaclobjtype when 'r' then 'RELATION' else 'FUNCTION' end)::varchar as object_type,
    d.defaclrole::integer as owner_id, pg_internal.identity_name(d.defaclrole) as owner_name,
    pg_internal.identity_type(d.defaclrole) as owner_type, x.privilege_type::varchar as privilege_type,
    x.grantee::integer as grantee_id, pg_internal.identity_name(x.grantee) as grantee_name,
    pg_internal.identity_type(x.grantee) as grantee_type, x.is_grantable as admin_option
from pg_catalog.pg_default_acl as d
left join pg_catalog.pg_namespace as n on n.oid = d.defaclnamespace
cross join lateral pg_catalog.aclexplode(d.defaclacl) as x
where d.defaclobjtype in ('r', 'f') and coalesce(pg_internal.is_here(n.nspname), true);

create or replace view pg_internal.user_routines as
select
    n.nspname as namespace, pg_internal.shown(p.proname) as name, p.prokind as kind, p.proacl as acl,
    coalesce((
        select string_agg(pg_catalog.format_type(a.type, null), ', ' order by a.place)
        from pg_internal.routine_arguments(p.oid) as a where a.mode <> 'OUT'
    ), '')::varchar as argument_types,
    pg_catalog.format_type(p.prorettype, null)::varchar as result_type
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where p.oid >= 16384 and p.prokind in ('f', 'p', 'a')
    and n.nspname not in ('pg_catalog', 'pg_internal', 'information_schema');

create or replace view pg_catalog.svv_function_privileges as
select
    pg_internal.schema_of(r.namespace) as namespace_name, r.name as function_name, r.argument_types,
    x.privilege_type::varchar as privilege_type, x.grantee::integer as identity_id,
    pg_internal.identity_name(x.grantee) as identity_name,
    pg_internal.identity_type(x.grantee) as identity_type, x.is_grantable as admin_option
from pg_internal.user_routines as r
cross join lateral pg_catalog.aclexplode(r.acl) as x
where pg_internal.is_here(r.namespace);

create or replace view pg_catalog.svv_redshift_functions as
select
    pg_internal.database_of(namespace)::varchar(128) as database_name,
    pg_internal.schema_of(namespace)::varchar(128) as schema_name, name::varchar(128) as function_name,
    (case kind when 'p' then 'STORED PROCEDURE' when 'a' then 'AGGREGATE FUNCTION' else 'REGULAR FUNCTION' end)
        ::varchar(128) as function_type,
    argument_types::varchar(512) as argument_type,
    (case kind when 'p' then '' else result_type end)::varchar(128) as result_type
from pg_internal.user_routines;
