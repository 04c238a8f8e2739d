-- The other databases of the cluster live here as well: schema s of database d is the schema d/s,
-- which the catalogs show as schema s of database d, and those of this database leave out.
create table if not exists pg_internal.database (name text primary key, owner oid not null);

create or replace function pg_internal.database_of(namespace name) returns varchar
language sql stable as $$
    select (case when position('/' in namespace) > 0 then split_part(namespace, '/', 1)
        else current_database() end)::varchar
$$;
create or replace function pg_internal.schema_of(namespace name) returns varchar
language sql stable as
    $$ select regexp_replace(pg_internal.shown(namespace), '^[^/]+/', '')::varchar $$;
create or replace function pg_internal.is_here(namespace name) returns boolean
language sql immutable as $$ select position('/' in namespace) = 0 $$;

-- The schema of PostgreSQL that a dotted name's first parts mean; an error for a wrong database.
create or replace function pg_internal.namespace_of(path text[]) returns name
language plpgsql stable as $$
begin
    if cardinality(path) = 1 or path[1] = current_database() then
        return path[cardinality(path)];
    end if;
    if not exists (select from pg_internal.database where name = path[1]) then
        raise exception 'database "%" does not exist', path[1] using errcode = '3D000';
    end if;
    return pg_internal.stored_name(path[1] || '/' || pg_internal.whole_name(path[2]));
end $$;

create or replace function pg_internal.create_database(wanted text) returns void
language plpgsql as $$
begin
    if wanted = current_database() or exists (select from pg_internal.database where name = wanted) then
        raise exception 'database "%" already exists', wanted using errcode = '42P04';
    end if;
    if position('/' in wanted) > 0 then
        raise exception 'a slash in the name of a database is not supported by the local Redshift gateway'
            using errcode = '0A000';
    end if;
    insert into pg_internal.database values (wanted, session_user::regrole);
    execute format('create schema %I', wanted || '/public');
end $$;
create or replace function pg_internal.drop_database(wanted text) returns void
language plpgsql as $$
declare
    held name;
begin
    if wanted = current_database() then
        raise exception 'cannot drop the currently open database' using errcode = '55006';
    end if;
    if not exists (select from pg_internal.database where name = wanted) then
        raise exception 'database "%" does not exist', wanted using errcode = '3D000';
    end if;
    for held in
        select nspname from pg_catalog.pg_namespace where starts_with(nspname, wanted || '/')
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
        where e.object_type = 'schema' and not pg_internal.is_here(n.nspname)
    loop
        perform pg_internal.namespace_of(array[pg_internal.database_of(made), '']);
    end loop;
end $$;
drop event trigger if exists redshift_create_schema;
create event trigger redshift_create_schema on ddl_command_end when tag in ('CREATE SCHEMA')
    execute function pg_internal.on_create_schema();
