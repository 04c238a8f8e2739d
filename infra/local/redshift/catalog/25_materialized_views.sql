-- Materialized views: a table mv_tbl__<name>__0 with the rows (Redshift's own name for it, with two
-- columns more than the query's, as there), and a view in the materialized view's name over it. The
-- view also names the query, in a branch that is never executed: so its tables know who depends on
-- them, and DROP … CASCADE takes the materialized view along.
create table if not exists pg_internal.materialized_view (
    view_id oid primary key,
    table_id oid not null,
    definition text not null,   -- PostgreSQL's form of the query
    original text not null,     -- the client's CREATE MATERIALIZED VIEW
    auto_refresh boolean not null,
    refreshed_at timestamp not null default clock_timestamp()
);

create or replace function pg_internal.record_materialized_view(
    view_id oid, table_id oid, definition text, original text, auto_refresh boolean
) returns void language sql security definer as
    $$ insert into pg_internal.materialized_view values ($1, $2, $3, $4, $5) $$;

create or replace function pg_internal.create_materialized_view(
    view_name text, definition text, original text, given jsonb, auto_refresh boolean
) returns void language plpgsql as $$
declare
    path text[] := parse_ident(view_name);
    name text := path[cardinality(path)];
    in_schema text := coalesce(path[cardinality(path) - 1], current_schema());
    rows_in text := format(
        '%I.%I', in_schema, pg_internal.stored_form('mv_tbl__' || pg_internal.whole_name(name) || '__0')
    );
    columns text;
begin
    if to_regclass(view_name) is not null then
        raise exception 'relation "%" already exists', name using errcode = '42P07';
    end if;
    execute format('create table %s as %s', rows_in, definition);
    select string_agg(quote_ident(attname), ', ' order by attnum) into columns
    from pg_catalog.pg_attribute where attrelid = rows_in::regclass and attnum > 0;
    execute format('alter table %s add column num_rec bigint, add column row_oid bigint', rows_in);
    execute format(
        'create view %I.%I as select %s from %s union all select * from (%s) as query where false',
        in_schema, name, columns, rows_in, definition
    );
    perform pg_internal.set_table_attributes(rows_in::regclass, given);
    perform pg_internal.record_materialized_view(
        to_regclass(format('%I.%I', in_schema, name)), rows_in::regclass, definition, original, auto_refresh
    );
end $$;

create or replace function pg_internal.find_materialized_view(view_name text)
returns pg_internal.materialized_view language plpgsql stable as $$
declare
    found_view pg_internal.materialized_view;
begin
    if to_regclass(view_name) is null then
        raise exception 'materialized view % does not exist', view_name using errcode = '42P01';
    end if;
    select * into found_view from pg_internal.materialized_view as m
    where m.view_id = to_regclass(view_name);
    if not found then
        raise exception '% is not a materialized view', view_name using errcode = '42809';
    end if;
    return found_view;
end $$;

create or replace function pg_internal.refresh_materialized_view(view_name text, with_others boolean)
returns void language plpgsql as $$
declare
    target pg_internal.materialized_view := pg_internal.find_materialized_view(view_name);
    below oid;
begin
    if with_others then  -- CASCADE: first the materialized views that it reads
        for below in
            select distinct m.view_id from pg_catalog.pg_rewrite as r
            join pg_catalog.pg_depend as d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass
            join pg_internal.materialized_view as m on m.view_id = d.refobjid
            where r.ev_class = target.view_id and m.view_id <> target.view_id
        loop
            perform pg_internal.refresh_materialized_view(below::regclass::text, true);
        end loop;
    end if;
    execute format('delete from %s', target.table_id::regclass);
    execute format('insert into %s %s', target.table_id::regclass, target.definition);
    perform pg_internal.touch_materialized_view(target.view_id);
end $$;

create or replace function pg_internal.touch_materialized_view(refreshed oid) returns void
language sql security definer as
    $$ update pg_internal.materialized_view set refreshed_at = clock_timestamp() where view_id = refreshed $$;

create or replace function pg_internal.set_auto_refresh_of_materialized_view(view_name text, yes boolean)
returns void language sql security definer as $$
    update pg_internal.materialized_view set auto_refresh = yes
    where view_id = (pg_internal.find_materialized_view(view_name)).view_id
$$;

create or replace function pg_internal.set_attributes_of_materialized_view(view_name text, given jsonb)
returns void language sql as $$
    select pg_internal.set_table_attributes(
        (pg_internal.find_materialized_view(view_name)).table_id::regclass, given
    )
$$;

create or replace function pg_internal.drop_materialized_view(
    view_name text, lenient boolean, with_others boolean
) returns void language plpgsql as $$
begin
    if lenient and to_regclass(view_name) is null then
        raise notice 'materialized view % does not exist, skipping', view_name;
        return;
    end if;
    perform pg_internal.find_materialized_view(view_name);
    execute format('drop view %s%s', view_name, case when with_others then ' cascade' else '' end);
end $$;

-- Compares the rows with the query's: asked only when is_stale is selected.
create or replace function pg_internal.is_stale(target oid) returns char language plpgsql stable as $$
declare
    mine pg_internal.materialized_view;
    columns text;
    differs boolean;
begin
    select * into mine from pg_internal.materialized_view where view_id = target;
    select string_agg(quote_ident(attname), ', ' order by attnum) into columns
    from pg_catalog.pg_attribute where attrelid = mine.view_id and attnum > 0;
    execute format(
        'select exists ((select %1$s from %2$s except all (%3$s)) union all ((%3$s) except all select %1$s from %2$s))',
        columns, mine.table_id::regclass, mine.definition
    ) into differs;
    return case when differs then 't' else 'f' end;
end $$;

create or replace function pg_internal.on_drop_materialized_view() returns event_trigger
language plpgsql security definer as $$
declare
    dropped record;
    rows_in regclass;
begin
    for dropped in
        select o.objid, o.original, m.table_id from pg_catalog.pg_event_trigger_dropped_objects() as o
        join pg_internal.materialized_view as m on m.view_id = o.objid
        where o.classid = 'pg_catalog.pg_class'::regclass and o.objsubid = 0
    loop
        if dropped.original and current_query() ~* '^\s*drop\s+view\s' then
            raise exception 'the relation is a materialized view'
                using errcode = '42809', hint = 'Use DROP MATERIALIZED VIEW.';
        end if;
        delete from pg_internal.materialized_view where view_id = dropped.objid;
        select oid::regclass into rows_in from pg_catalog.pg_class where oid = dropped.table_id;
        if found then
            execute format('drop table %s', rows_in);
        end if;
    end loop;
end $$;
drop event trigger if exists redshift_drop_materialized_view;
create event trigger redshift_drop_materialized_view on sql_drop
    when tag in ('DROP VIEW', 'DROP TABLE', 'DROP SCHEMA', 'DROP OWNED')
    execute function pg_internal.on_drop_materialized_view();

-- The materialized view whose rows a table holds, NULL for any other table.
create or replace function pg_internal.name_of_rows(id oid) returns name language sql stable as $$
    select c.relname from pg_internal.materialized_view as m
    join pg_catalog.pg_class as c on c.oid = m.view_id where m.table_id = id
$$;
