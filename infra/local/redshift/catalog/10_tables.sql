-- What Redshift knows about tables and PostgreSQL does not: recorded by event triggers.
create schema if not exists pg_internal;
grant usage on schema pg_internal to public;

create table if not exists pg_internal.late_binding_view (
    view_id oid primary key,
    definition text not null,   -- PostgreSQL's form of the query, other late-binding views by name
    original text not null      -- the client's CREATE VIEW
);
create table if not exists pg_internal.table_attributes (
    table_id oid primary key,
    attributes jsonb not null
);
create table if not exists pg_internal.insertion (
    table_id oid not null,
    started_at timestamp not null default clock_timestamp()
);
create index if not exists insertion_of_table on pg_internal.insertion (table_id, started_at);

create or replace function pg_internal.raise_refused() returns void
language plpgsql as $$ begin raise exception 'refused' using errcode = '0A000'; end $$;

-- Redshift keeps the least and greatest value of each sorted block of 1 MB and skips blocks by them;
-- a BRIN index does so for 128 pages of 8 kB. It never decides what a statement returns.
create or replace function pg_internal.keep_zone_map(target regclass, sortkey jsonb) returns void
language plpgsql security definer as $$
declare
    place text := (
        select quote_ident(n.nspname) from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.oid = target and c.relkind = 'r' and c.relpersistence <> 't'
    );
    sorted_by text := (
        select string_agg(quote_ident(a.attname), ', ' order by k.place)
        from jsonb_array_elements_text(sortkey) with ordinality as k (name, place)
        join pg_catalog.pg_attribute as a on a.attrelid = target and a.attname = k.name
        where a.atttypid in (
            'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype,
            'numeric'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'date'::regtype,
            'timestamp'::regtype, 'timestamptz'::regtype, 'time'::regtype, 'timetz'::regtype
        )
    );
begin
    if place is not null then
        if to_regclass(format('%s.zone_map_%s', place, target::oid)) is not null then
            execute format('drop index %s.zone_map_%s', place, target::oid);
        end if;
        if sorted_by is not null then
            execute format(
                'create index zone_map_%s on %s using brin (%s) with (pages_per_range = 128)',
                target::oid, target, sorted_by
            );
        end if;
    end if;
end $$;

create or replace function pg_internal.set_table_attributes(target regclass, given jsonb)
returns void language plpgsql security definer as $$
begin
    if exists (  -- https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html, "Limitations"
        select from pg_catalog.pg_attribute as a
        where a.attrelid = target and a.atttypid = to_regtype('pg_catalog.varbyte')
            and (a.attname = given ->> 'distkey' or given -> 'sortkey' ? a.attname)
    ) then
        raise exception 'a VARBYTE column cannot be a sort key or a distribution key' using errcode = '0A000';
    end if;
    if given ->> 'diststyle' <> 'key' then
        given := given || '{"distkey": null}';
    end if;
    if given ? 'keys' then
        given := given || jsonb_build_object('keys', pg_internal.named_keys(target, given -> 'keys'));
    end if;
    insert into pg_internal.table_attributes as a values (target, given)
    on conflict (table_id) do update set attributes = a.attributes || excluded.attributes
        || jsonb_build_object(
            'encodings',
            coalesce(a.attributes -> 'encodings', '{}') || coalesce(excluded.attributes -> 'encodings', '{}'),
            'keys',
            coalesce(a.attributes -> 'keys', '[]') || coalesce((
                -- A statement comes here again with each ALTER TABLE that it causes.
                select jsonb_agg(k) from jsonb_array_elements(excluded.attributes -> 'keys') as k
                where not exists (
                    select from jsonb_array_elements(a.attributes -> 'keys') as known
                    where known @> (k - array['oid', 'name', 'table_id'])
                        and coalesce(known ->> 'name' = k ->> 'name', true)
                )
            ), '[]')
        );
    if given ?| array['sortkey', 'sort_style'] then
        perform pg_internal.keep_zone_map(target, given -> 'sortkey');
    end if;
end $$;

-- Lengths of VARCHAR and CHAR count bytes: a check per column, named for the error's text.
create or replace function pg_internal.adopt_table(target regclass, is_new boolean)
returns void language plpgsql security definer as $$
declare
    changes text[] := '{}';
    scale integer;
    col record;
begin
    for col in
        select
            a.attname, a.attnum, a.atttypid, a.atttypmod,
            case a.atttypid when 'bpchar'::regtype then 'char' else 'varchar' end as kind,
            format('rs\_bytes\_%%\_%%\_%s', a.attnum) as pattern
        from pg_catalog.pg_attribute as a
        join pg_catalog.pg_class as c on c.oid = a.attrelid
        where
            a.attrelid = target and a.attnum > 0 and not a.attisdropped and c.relkind = 'r'
            and (
                a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
                or (a.atttypid = 'numeric'::regtype and a.atttypmod < 0)
            )
    loop
        if col.atttypid = 'text'::regtype then
            changes := changes || format('alter column %I type varchar', col.attname);
        elsif col.atttypid = 'numeric'::regtype then
            -- A computed column: PostgreSQL keeps no precision where Redshift does.
            execute format('select coalesce(max(scale(%I)), 10) from %s', col.attname, target) into scale;
            changes := changes || format(
                'alter column %I type numeric(38, %s)', col.attname, least(scale, 37)
            );
        elsif col.atttypmod > 4 then
            declare
                wanted text := format('rs_bytes_%s_%s_%s', col.kind, col.atttypmod - 4, col.attnum);
                stale text;
            begin
                if not exists (
                    select from pg_catalog.pg_constraint where conrelid = target and conname = wanted
                ) then
                    for stale in
                        select conname from pg_catalog.pg_constraint
                        where conrelid = target and conname like col.pattern
                    loop
                        changes := changes || format('drop constraint %I', stale);
                    end loop;
                    changes := changes || format(
                        'add constraint %I check (octet_length(%I) <= %s) %s',
                        wanted, col.attname, col.atttypmod - 4,
                        case when is_new then '' else 'not valid' end
                    );
                end if;
            end;
        end if;
    end loop;
    if changes <> '{}' then
        execute format('alter table %s %s', target, array_to_string(changes, ', '));
    end if;
end $$;

-- Each statement that inserts leaves a line, so that "last modified" can be told.
create or replace function pg_internal.on_insert() returns trigger
language plpgsql security definer as $$
begin
    insert into pg_internal.insertion (table_id) values (tg_relid);
    return null;
end $$;
create or replace function pg_internal.watch_insertions(target regclass, filled boolean) returns void
language plpgsql security definer as $$
begin
    if exists (
        select from pg_catalog.pg_class where oid = target and relkind = 'r' and relpersistence <> 't'
    ) and not exists (
        select from pg_catalog.pg_trigger where tgrelid = target and tgname = 'rs_insertion'
    ) then
        execute format(
            'create trigger rs_insertion after insert on %s for each statement '
            'execute function pg_internal.on_insert()', target
        );
        if filled then
            insert into pg_internal.insertion (table_id) values (target);
        end if;
    end if;
end $$;

create or replace function pg_internal.on_ddl_end() returns event_trigger
language plpgsql security definer as $$
declare
    command record;
    given text;
begin
    for command in
        select distinct on (objid) objid, command_tag
        from pg_catalog.pg_event_trigger_ddl_commands()
        where classid = 'pg_catalog.pg_class'::regclass
            and object_type in ('table', 'table column')
            and command_tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    loop
        perform pg_internal.adopt_table(command.objid, command.command_tag = 'CREATE TABLE');
        if command.command_tag <> 'ALTER TABLE' then
            perform pg_internal.watch_insertions(command.objid::regclass, command.command_tag <> 'CREATE TABLE');
        end if;
        given := substring(current_query() from '/\*redshift:(\{.*\})\*/\s*$');
        if given is not null and pg_trigger_depth() = 0 then
            perform pg_internal.set_table_attributes(command.objid, given::jsonb);
        end if;
    end loop;
end $$;

create or replace function pg_internal.on_drop() returns event_trigger
language plpgsql security definer as $$
begin
    delete from pg_internal.late_binding_view where view_id in (
        select objid from pg_catalog.pg_event_trigger_dropped_objects()
        where classid = 'pg_catalog.pg_class'::regclass and objsubid = 0 and object_type = 'view'
    );
    delete from pg_internal.insertion where table_id in (
        select objid from pg_catalog.pg_event_trigger_dropped_objects()
        where classid = 'pg_catalog.pg_class'::regclass and objsubid = 0 and object_type = 'table'
    );
    delete from pg_internal.table_attributes where table_id in (
        select objid from pg_catalog.pg_event_trigger_dropped_objects()
        where classid = 'pg_catalog.pg_class'::regclass and objsubid = 0 and object_type = 'table'
    );
end $$;

drop event trigger if exists redshift_ddl_end;
create event trigger redshift_ddl_end on ddl_command_end
    when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    execute function pg_internal.on_ddl_end();
drop event trigger if exists redshift_drop;
create event trigger redshift_drop on sql_drop execute function pg_internal.on_drop();
