-- Everybody may read Redshift's system views, and what of ours stands behind them or is put in their
-- place. Not the passwords' verifiers, and not the statements of others: their texts may hold what only
-- their user knows.
do $do$
declare
    installed regclass;
begin
    for installed in
        select c.oid from pg_catalog.pg_class as c
        where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'v'
            and (c.relname ~ '^(svv_|stv_|stl_|svl_|sys_|pg_table_def|pg_user_info|pg_class_info|pg_proc_info)'
                or c.relname = 'pg_conf')
        union all
        select c.oid from pg_catalog.pg_class as c
        where c.relnamespace = 'pg_internal'::regnamespace and c.relkind in ('r', 'v')
            and c.relname not in ('login', 'query_history', 'connection_log')
    loop
        execute format('grant select on %s to public', installed);
    end loop;
end $do$;
revoke all on pg_internal.login, pg_internal.query_history, pg_internal.connection_log from public;
-- Those that only superusers see.
revoke all on pg_catalog.stl_connection_log, pg_catalog.sys_connection_log, pg_catalog.stv_tbl_perm,
    pg_catalog.stv_locks from public;
grant select on pg_catalog.stl_connection_log, pg_catalog.sys_connection_log, pg_catalog.stv_tbl_perm,
    pg_catalog.stv_locks to "role:sys:monitor";
