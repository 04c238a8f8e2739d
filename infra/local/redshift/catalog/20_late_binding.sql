-- What a late-binding view reads where the gateway has not put its query in: in procedures.
create or replace function pg_internal.not_put_in() returns setof integer language plpgsql as $$
begin
    raise exception 'Reading a late-binding view here is not supported by the local Redshift gateway'
        using errcode = '0A000';
end $$;

-- Late-binding views: PostgreSQL holds a view without columns in their name.
create or replace function pg_internal.create_late_binding_view(
    view_name text, replacing boolean, definition text, original text
) returns void language plpgsql security definer as $$
declare
    existing regclass := to_regclass(view_name);
    kind "char";
begin
    begin
        execute 'explain ' || definition;
    exception
        when syntax_error then raise;
        when others then null;  -- bound late: what it names may come later
    end;
    if existing is not null then
        select relkind into kind from pg_catalog.pg_class where oid = existing;
        if not replacing or kind <> 'v' then
            raise exception 'relation "%" already exists', (parse_ident(view_name))[cardinality(parse_ident(view_name))] using errcode = '42P07';
        end if;
        update pg_internal.late_binding_view as v
        set definition = create_late_binding_view.definition,
            original = create_late_binding_view.original
        where view_id = existing;
        if found then
            return;
        end if;
        execute format('drop view %s', existing);
    end if;
    execute format(
        'create view %s as select placeholder from pg_internal.not_put_in() as placeholder', view_name
    );
    existing := to_regclass(view_name);
    execute format('alter view %s owner to %I', existing, session_user);
    update pg_catalog.pg_attribute
    set attname = '........pg.dropped.1........', attisdropped = true, atttypid = 0
    where attrelid = existing and attnum = 1;
    insert into pg_internal.late_binding_view values (existing, definition, original);
end $$;

-- Which of the named relations are late-binding views. In a snapshot transaction the relations are
-- locked first, and one that was created or swapped in after the snapshot is a conflict: reading it
-- would silently show no rows.
create or replace function pg_internal.relations(names text[])
returns table (name text, definition text) language plpgsql as $$
declare
    snapshot boolean := current_setting('transaction_isolation') = 'repeatable read';
    wanted text;
    found_id regclass;
begin
    foreach wanted in array names loop
        found_id := to_regclass(wanted);
        continue when found_id is null;
        if snapshot and found_id >= 16384 then
            execute format('lock table only %s in access share mode', wanted);
            found_id := to_regclass(wanted);
            if not exists (
                select from pg_catalog.pg_class as c
                where c.oid = found_id and c.relname = (parse_ident(wanted))[cardinality(parse_ident(wanted))]
            ) then
                raise exception 'could not complete because of conflict with concurrent transaction'
                    using
                        errcode = 'XX000',
                        detail = format('relation %s was replaced after this transaction''s snapshot', wanted);
            end if;
        end if;
        return query
            select wanted, v.definition from pg_internal.late_binding_view as v
            where v.view_id = found_id;
    end loop;
end $$;

-- Columns of late-binding views: the gateway passes each view's query with the views inside it
-- put in. Views whose tables are missing are left out, as in Redshift.
create or replace function pg_internal.late_binding_columns(views jsonb) returns setof record
language plpgsql as $$
declare
    item jsonb;
begin
    for item in select * from jsonb_array_elements(views) loop
        begin
            execute 'create temp view rs_columns_of as ' || (item ->> 'sql');
            return query
                select
                    pg_internal.shown(item ->> 'schema'), pg_internal.shown(item ->> 'name'),
                    pg_internal.shown(a.attname),
                    replace(
                        replace(format_type(a.atttypid, a.atttypmod), 'text', 'character varying'),
                        'varbyte', 'binary varying'
                    )::varchar,
                    a.attnum::integer
                from pg_catalog.pg_attribute as a
                where a.attrelid = 'pg_temp.rs_columns_of'::regclass
                    and a.attnum > 0 and not a.attisdropped;
            execute 'drop view pg_temp.rs_columns_of';
        exception when others then null;
        end;
    end loop;
end $$;
create or replace function pg_internal.late_binding_columns() returns setof record
language sql as $$ select pg_internal.late_binding_columns('[]'::jsonb) $$;
-- The same of the session's database alone.
create or replace function pg_internal.late_binding_columns_here(views jsonb default '[]') returns setof record
language sql as $$
    select pg_internal.schema_of(s), v, n, t, i
    from pg_internal.late_binding_columns(views) as c(s varchar, v varchar, n varchar, t varchar, i integer)
    where pg_internal.is_here(s)
$$;

-- The unqualified column that a query names and nothing has, or NULL: asked before lateral column
-- aliases are put in. A view's query stands after its first AS.
create or replace function pg_internal.undefined_column(query text) returns text
language plpgsql as $$
begin
    if query ~* '^\s*(create\s+(or\s+replace\s+)?view|prepare)\s' then
        query := substring(query from '(?i)\sas\s(.*)$');
    end if;
    query := regexp_replace(query, '^\s*explain\s', '', 'i');
    execute 'explain (generic_plan) ' || query;
    return null;
exception
    when undefined_column then
        return substring(sqlerrm from '^column "(.*)" does not exist$');
    when others then
        return null;
end $$;
