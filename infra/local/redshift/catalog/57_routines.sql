-- Bodies of functions and procedures as their creators wrote them: PostgreSQL holds the translation.
-- And the types of the arguments with their sizes, which PostgreSQL forgets.
create table if not exists pg_internal.routine_source (routine_id oid primary key, body text not null);
-- The last argument of a function in Python (translate/routines.py), which nobody is shown.
do $do$ begin
    create domain pg_internal.python as boolean;
exception when duplicate_object then null;
end $do$;
alter table pg_internal.routine_source add column if not exists types text[] not null default '{}';
create or replace function pg_internal.on_routine() returns event_trigger
language plpgsql security definer as $$
declare
    made oid;
    given text := substring(current_query() from '/\*redshift:(\{.*\})\*/\s*$');
begin
    for made in
        select objid from pg_catalog.pg_event_trigger_ddl_commands()
        where classid = 'pg_catalog.pg_proc'::regclass and given is not null
    loop
        insert into pg_internal.routine_source values (
            made, given::jsonb ->> 'body', array(select jsonb_array_elements_text(given::jsonb -> 'types'))
        )
        on conflict (routine_id) do update set body = excluded.body, types = excluded.types;
    end loop;
end $$;
drop event trigger if exists redshift_routine;
create event trigger redshift_routine on ddl_command_end when tag in ('CREATE FUNCTION', 'CREATE PROCEDURE')
    execute function pg_internal.on_routine();
create or replace function pg_internal.on_routine_drop() returns event_trigger
language plpgsql security definer as $$
begin
    delete from pg_internal.routine_source where routine_id in (
        select objid from pg_catalog.pg_event_trigger_dropped_objects()
        where classid = 'pg_catalog.pg_proc'::regclass
    );
end $$;
drop event trigger if exists redshift_routine_drop;
create event trigger redshift_routine_drop on sql_drop execute function pg_internal.on_routine_drop();

-- In a UNION with a table's name a `name` would cut that at 63 bytes. PROISAGG is of PostgreSQL 8.
do $do$ begin execute 'create or replace view pg_internal.procs as select '
    || pg_internal.columns_like('pg_catalog.pg_proc', 'p',
        '{"proname": "pg_internal.shown(p.proname)::varchar", "prosrc": "coalesce(s.body, p.prosrc)"}')
    || $view$, p.prokind = 'a' as proisagg
from pg_catalog.pg_proc as p
left join pg_internal.routine_source as s on s.routine_id = p.oid
where p.pronamespace <> 'pg_internal'::regnamespace
$view$; end $do$;
select pg_internal.redirect('pg_catalog.pg_proc', 'select * from pg_internal.procs');
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_PROC_INFO.html
create or replace view pg_catalog.pg_proc_info as select p.oid as prooid, p.* from pg_internal.procs as p;
