-- The other databases of the cluster live here as well: schema s of database d is the schema d, \x01, s
-- (translate/databases.py). A session is in one database: the catalogs show its schemas as theirs and
-- leave out those of the others.
create table if not exists pg_internal.database (name text primary key, owner oid not null);
alter table pg_internal.database
    add column if not exists id integer generated always as identity (start with 100100);

-- The database that a session has logged in to, and the one whose schemas names without a database mean.
create or replace function pg_internal.current_database() returns varchar
language sql stable parallel safe as $$
    select coalesce(nullif(current_setting('redshift.database', true), ''), current_database())::varchar
$$;
create or replace function pg_internal.used_database() returns varchar
language sql stable parallel safe as $$
    select coalesce(nullif(current_setting('redshift.used', true), ''), pg_internal.current_database())::varchar
$$;
create or replace function pg_internal.database_id(called text) returns oid
language sql stable parallel safe as $$
    select id::oid from pg_internal.database where name = called
    union all
    select oid from pg_catalog.pg_database where datname = called and called = current_database()
$$;
-- On the other databases everybody has what PUBLIC has on the first, and its owner all.
create or replace function pg_internal.has_database_privilege(user_name name, called text, privilege text)
returns boolean language sql stable as $$
    select case
        when not exists (select from pg_internal.database where name = called)
            then pg_catalog.has_database_privilege(user_name, called, privilege)
        else lower(privilege) in ('temp', 'temporary', 'usage', 'connect')
            or pg_catalog.pg_has_role(
                user_name, (select owner from pg_internal.database where name = called), 'usage'
            )
    end
$$;
create or replace function pg_internal.has_database_privilege(called text, privilege text) returns boolean
language sql stable as $$ select pg_internal.has_database_privilege(current_user, called, privilege) $$;
-- Those that are in every database.
create or replace function pg_internal.is_system(namespace text) returns boolean
language sql immutable parallel safe as
    $$ select starts_with(namespace, 'pg_') or namespace = 'information_schema' $$;
create or replace function pg_internal.database_of(namespace text) returns varchar
language sql stable parallel safe as $$
    select case
        when position(e'\x01' in pg_internal.shown(namespace)) > 0
            then split_part(pg_internal.shown(namespace), e'\x01', 1)::varchar
        when pg_internal.is_system(namespace) then pg_internal.current_database()
        else current_database()::varchar
    end
$$;
create or replace function pg_internal.schema_of(namespace text) returns varchar
language sql stable parallel safe as $$
    select case
        when position(e'\x01' in pg_internal.shown(namespace)) > 0
            then split_part(pg_internal.shown(namespace), e'\x01', 2)::varchar
        else pg_internal.shown(namespace)
    end
$$;
create or replace function pg_internal.is_here(namespace text) returns boolean
language sql stable parallel safe as
    $$ select pg_internal.database_of(namespace) = pg_internal.current_database() $$;

-- The same of names as PostgreSQL's catalogs have them; a call takes these where it can.
create or replace function pg_internal.database_of(namespace name) returns varchar
language sql stable parallel safe as $$ select pg_internal.database_of(namespace::text) $$;
create or replace function pg_internal.schema_of(namespace name) returns varchar
language sql stable parallel safe as $$ select pg_internal.schema_of(namespace::text) $$;
create or replace function pg_internal.is_here(namespace name) returns boolean
language sql stable parallel safe as $$ select pg_internal.is_here(namespace::text) $$;

create or replace function pg_internal.is_database(called text) returns boolean language sql stable as $$
    select called = current_database() or exists (select from pg_internal.database where name = called)
$$;
-- The schema of PostgreSQL that a dotted name's first parts mean; an error for a wrong database.
create or replace function pg_internal.namespace_of(path text[]) returns name
language plpgsql stable as $$
declare
    wanted text := case cardinality(path)
        when 1 then pg_internal.used_database() else pg_internal.whole_name(path[1]) end;
    called text := path[cardinality(path)];
begin
    if not pg_internal.is_database(wanted) then
        raise exception 'database "%" does not exist', wanted using errcode = '3D000';
    end if;
    if wanted = current_database() or position(e'\x01' in pg_internal.shown(called)) > 0 or pg_internal.is_system(called) then
        return pg_internal.stored_name(called);
    end if;
    return pg_internal.stored_name(wanted || e'\x01' || pg_internal.whole_name(called));
end $$;

-- The same, NULL for a wrong database: a list of what is there has nothing of it, as the driver's own test
-- of SHOW expects (test_server_api_show_command.py, github.com/aws/amazon-redshift-python-driver).
create or replace function pg_internal.namespace_if_any(path text[]) returns name language sql stable as $$
    select case
        when cardinality(path) = 1 or pg_internal.is_database(pg_internal.whole_name(path[1]))
        then pg_internal.namespace_of(path)
    end
$$;

-- A search path's schemas are those of the database that is used: after a log-in, RESET and USE.
create or replace function pg_internal.enter(used text default null, for_transaction boolean default false)
returns void
language plpgsql as $$
declare
    part text;
    path text[] := '{}';
begin
    if used is not null then
        perform set_config('redshift.used', used, false);
    end if;
    for part in
        select coalesce(replace(m[1], '""', '"'), m[2])
        from regexp_matches(current_setting('search_path'), '"((?:[^"]|"")*)"|([^,"\s]+)', 'g') as m
    loop
        if pg_internal.used_database() = current_database() or pg_internal.is_system(part)
            or position(e'\x01' in pg_internal.shown(part)) > 0 then
            path := path || quote_ident(part);
        else
            path := path || quote_ident(pg_internal.namespace_of(array[
                case part when '$user' then session_user::text else part end
            ]));
        end if;
    end loop;
    perform set_config('search_path', array_to_string(path, ', '), for_transaction);
end $$;

-- SET_CONFIG of what clients may set; a search path is one of the session's database.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SET_CONFIG.html
create or replace function pg_internal.set_config(name text, value text, is_local boolean) returns text
language plpgsql as $$
begin
    if starts_with(lower(name), 'redshift.') then
        raise exception 'unrecognized configuration parameter "%"', name using errcode = '42704';
    end if;
    perform pg_catalog.set_config(name, value, is_local);
    if lower(name) = 'search_path' then
        perform pg_internal.enter(for_transaction => is_local);
    end if;
    return value;
end $$;

-- An older catalog had a slash between database and schema.
do $do$
declare
    old record;
begin
    for old in
        select n.nspname, pg_internal.shown(n.nspname) as whole, length(d.name) + 1 as place
        from pg_catalog.pg_namespace as n
        join pg_internal.database as d on starts_with(pg_internal.shown(n.nspname), d.name || '/')
    loop
        execute format('alter schema %I rename to %I', old.nspname,
            pg_internal.stored_form(overlay(old.whole placing e'\x01' from old.place for 1)));
        update pg_internal.late_binding_view set definition = replace(
            definition, format('"%s"', old.nspname),
            format('"%s"', pg_internal.stored_form(overlay(old.whole placing e'\x01' from old.place for 1)))
        );
    end loop;
end $do$;

-- Which sessions are in other databases than PostgreSQL's own.
create table if not exists pg_internal.session_database (
    pid integer not null, began timestamptz not null, database_name text not null
);
create or replace function pg_internal.begin_session() returns void
language plpgsql security definer as $$
begin
    delete from pg_internal.session_database as s
    where not exists (
        select from pg_catalog.pg_stat_activity as a where a.pid = s.pid and a.backend_start = s.began
    );
    insert into pg_internal.session_database
    select pid, backend_start, pg_internal.current_database()
    from pg_catalog.pg_stat_activity where pid = pg_backend_pid();
end $$;
create or replace view pg_internal.sessions as
select a.*, coalesce(s.database_name, a.datname) as database_name
from pg_catalog.pg_stat_activity as a
left join pg_internal.session_database as s on s.pid = a.pid and coalesce(s.began = a.backend_start, true)
where a.datname = current_database();

create or replace function pg_internal.create_database(wanted text) returns void
language plpgsql as $$
begin
    if wanted = current_database() or exists (select from pg_internal.database where name = wanted) then
        raise exception 'database "%" already exists', wanted using errcode = '42P04';
    end if;
    if position(e'\x01' in wanted) > 0 then
        raise exception 'a control character in the name of a database is not supported by the local Redshift gateway'
            using errcode = '0A000';
    end if;
    insert into pg_internal.database values (wanted, session_user::regrole);
    execute format('create schema %I', wanted || e'\x01public');
end $$;
create or replace function pg_internal.drop_database(wanted text) returns void
language plpgsql as $$
declare
    held name;
begin
    if wanted in (current_database(), pg_internal.current_database()) then
        raise exception 'cannot drop the currently open database' using errcode = '55006';
    end if;
    if not exists (select from pg_internal.database where name = wanted) then
        raise exception 'database "%" does not exist', wanted using errcode = '3D000';
    end if;
    for try in 1..50 loop  -- as PostgreSQL waits for sessions that are ending
        exit when not exists (select from pg_internal.sessions where database_name = wanted);
        perform pg_sleep(0.1), pg_stat_clear_snapshot();
    end loop;
    if exists (select from pg_internal.sessions where database_name = wanted) then
        raise exception 'database "%" is being accessed by other users', wanted using errcode = '55006';
    end if;
    for held in
        select nspname from pg_catalog.pg_namespace where pg_internal.database_of(nspname) = wanted
    loop
        execute format('drop schema %I cascade', held);
    end loop;
    delete from pg_internal.database where name = wanted;
end $$;

create or replace function pg_internal.on_create_schema() returns event_trigger
language plpgsql as $$
declare
    made name;
begin
    for made in
        select n.nspname from pg_catalog.pg_event_trigger_ddl_commands() as e
        join pg_catalog.pg_namespace as n on n.oid = e.objid
        where e.object_type = 'schema' and position(e'\x01' in pg_internal.shown(n.nspname)) > 0
    loop
        perform pg_internal.namespace_of(array[pg_internal.database_of(made), '']);
    end loop;
end $$;
drop event trigger if exists redshift_create_schema;
create event trigger redshift_create_schema on ddl_command_end when tag in ('CREATE SCHEMA')
    execute function pg_internal.on_create_schema();
