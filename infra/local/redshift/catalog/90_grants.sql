-- Everybody may read Redshift's system views.
do $do$
declare
    installed text;
begin
    for installed in
        select c.relname from pg_catalog.pg_class as c
        where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'v'
            and c.relname ~ '^(svv_|stv_|stl_|svl_|sys_|pg_table_def|pg_user_info)'
    loop
        execute format('grant select on pg_catalog.%I to public', installed);
    end loop;
end $do$;
