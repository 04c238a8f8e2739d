-- An older catalog makes room: a view cannot be replaced by one with other columns. What somebody's
-- own view reads stays as it is.
create schema if not exists pg_internal;
do $do$
declare
    old record;
    dropped boolean := true;
begin
    if to_regclass('pg_internal.late_binding_view') is not null then
        delete from pg_internal.late_binding_view where original = '';
    end if;
    for old in
        select oid::regprocedure as name from pg_catalog.pg_proc
        where pronamespace = 'pg_internal'::regnamespace and starts_with(proname, 'show_')
    loop
        execute format('drop function %s', old.name);
    end loop;
    while dropped loop
        dropped := false;
        for old in
            select oid::regclass as name from pg_catalog.pg_class
            where relkind = 'v' and oid >= 16384
                and relnamespace in ('pg_internal'::regnamespace, 'pg_catalog'::regnamespace)
        loop
            begin
                execute format('drop view %s', old.name);
                dropped := true;
            exception when dependent_objects_still_exist then null;
            end;
        end loop;
    end loop;
end $do$;
