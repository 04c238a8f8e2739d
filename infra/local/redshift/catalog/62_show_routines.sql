-- SHOW PROCEDURES, FUNCTIONS, PARAMETERS, CONSTRAINTS and COLUMN GRANTS, which drivers use for their
-- metadata where the server tells them `show_discovery`.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_PROCEDURES.html and its neighbours; columns of
-- SHOW PARAMETERS: metadataAPIHelper.py, github.com/aws/amazon-redshift-python-driver.

-- An OUT argument is an INOUT with a default here (translate/procedures.py).
create or replace function pg_internal.routine_arguments(
    routine oid, out place integer, out name varchar, out mode varchar, out type oid
) returns setof record language sql stable as $$
    select
        a.place::integer, pg_internal.shown(p.proargnames[a.place]),
        (case coalesce(p.proargmodes[a.place], 'i')
            when 'i' then 'IN'
            when 'b' then case when a.place > p.pronargs - p.pronargdefaults then 'OUT' else 'INOUT' end
            else 'OUT'
        end)::varchar,
        a.type
    from pg_catalog.pg_proc as p
    cross join lateral unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))
        with ordinality as a (type, place)
    where p.oid = routine and a.type <> 'pg_internal.python'::regtype
$$;
-- What a type's size is kept as, of an argument at a place; -1 without one.
create or replace function pg_internal.argument_modifier(routine oid, place integer) returns integer
language sql stable as $$
    select coalesce((
        select to_regtypemod(types[place]) from pg_internal.routine_source where routine_id = routine
    ), -1)
$$;
create or replace function pg_internal.type_list(types text[]) returns text language sql stable as $$
    select coalesce(
        string_agg(pg_catalog.format_type(to_regtype(t.name), null), ', ' order by t.place), ''
    )
    from unnest(types) with ordinality as t (name, place)
$$;
create or replace function pg_internal.routines(kind "char", path text[])
returns table (
    oid oid, database_name varchar, schema_name varchar, name varchar, number_of_arguments integer,
    argument_list varchar, return_type varchar, remarks varchar
) language sql stable as $$
    select
        p.oid, pg_internal.database_of(n.nspname), pg_internal.schema_of(n.nspname),
        pg_internal.shown(p.proname), i.number, i.list,
        case
            when kind = 'f' then pg_catalog.format_type(p.prorettype, null)
            when o.number > 1 then 'record'
            else o.list
        end::varchar,
        pg_catalog.obj_description(p.oid, 'pg_proc')::varchar
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    cross join lateral (
        select
            count(*)::integer as number,
            coalesce(string_agg(pg_catalog.format_type(type, null), ', ' order by place), '')::varchar as list
        from pg_internal.routine_arguments(p.oid) where mode <> 'OUT'
    ) as i
    cross join lateral (
        select
            count(*) as number, string_agg(pg_catalog.format_type(type, null), ', ' order by place) as list
        from pg_internal.routine_arguments(p.oid) where mode <> 'IN'
    ) as o
    where p.prokind = kind and n.nspname = pg_internal.namespace_if_any(path)
$$;
create or replace function pg_internal.show_procedures(path text[], pattern text default '%')
returns table (
    database_name varchar, schema_name varchar, procedure_name varchar, number_of_arguments integer,
    argument_list varchar, return_type varchar, remarks varchar
) language sql stable as $$
    select
        database_name, schema_name, name, number_of_arguments, argument_list, return_type, remarks
    from pg_internal.routines('p', path) where name like pattern order by name, argument_list
$$;
create or replace function pg_internal.show_functions(path text[], pattern text default '%')
returns table (
    database_name varchar, schema_name varchar, function_name varchar, number_of_arguments integer,
    argument_list varchar, return_type varchar, remarks varchar
) language sql stable as $$
    select
        database_name, schema_name, name, number_of_arguments, argument_list, return_type, remarks
    from pg_internal.routines('f', path) where name like pattern order by name, argument_list
$$;
-- Of one routine, found by its name and the types of its arguments (NULL: whatever they are).
create or replace function pg_internal.routine_parameters(
    kind "char", path text[], types text[], pattern text
) returns table (
    database_name varchar, schema_name varchar, routine_name varchar, parameter_name varchar,
    ordinal_position integer, parameter_type varchar, data_type varchar,
    character_maximum_length integer, numeric_precision integer, numeric_scale integer
) language sql stable as $$
    select
        r.database_name, r.schema_name, r.name, coalesce(a.name, ''), a.place, a.mode,
        pg_catalog.format_type(a.type, null)::varchar,
        case
            when a.type in ('varchar'::regtype, 'bpchar'::regtype) and m.size > 0 then m.size - 4
            when kind = 'p' and a.type in ('varchar'::regtype, 'text'::regtype) then 65535
        end,
        case
            when a.type = 'numeric'::regtype and m.size > 0 then (m.size - 4) >> 16
            else (array[16, 32, 64])[array_position(array['int2', 'int4', 'int8']::regtype[], a.type)]
        end,
        case
            when a.type = 'numeric'::regtype and m.size > 0 then (m.size - 4) & 2047
            when a.type in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then 0
        end
    from pg_internal.routines(kind, path[:cardinality(path) - 1]) as r
    cross join lateral (
        select place, name, mode, type from pg_internal.routine_arguments(r.oid)
        union all
        select 0, ''::varchar, 'RETURN'::varchar, p.prorettype from pg_catalog.pg_proc as p
        where p.oid = r.oid and p.prokind = 'f'
    ) as a
    cross join lateral pg_internal.argument_modifier(r.oid, a.place) as m (size)
    where r.name = pg_internal.shown(path[cardinality(path)]) and coalesce(a.name, '') like pattern
        and (types is null or r.argument_list = pg_internal.type_list(types))
    order by r.argument_list, a.place
$$;
create or replace function pg_internal.show_procedure_parameters(
    path text[], pattern text default '%', types text[] default null
) returns table (
    database_name varchar, schema_name varchar, procedure_name varchar, parameter_name varchar,
    ordinal_position integer, parameter_type varchar, data_type varchar,
    character_maximum_length integer, numeric_precision integer, numeric_scale integer
) language sql stable as $$ select * from pg_internal.routine_parameters('p', path, types, pattern) $$;
create or replace function pg_internal.show_function_parameters(
    path text[], pattern text default '%', types text[] default null
) returns table (
    database_name varchar, schema_name varchar, function_name varchar, parameter_name varchar,
    ordinal_position integer, parameter_type varchar, data_type varchar,
    character_maximum_length integer, numeric_precision integer, numeric_scale integer
) language sql stable as $$ select * from pg_internal.routine_parameters('f', path, types, pattern) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_PROCEDURE.html; without types the name decides.
create or replace function pg_internal.procedure_at(path text[], types text[]) returns oid
language plpgsql stable as $$
declare
    found oid[] := (
        select array_agg(r.oid)
        from pg_internal.routines('p', case
            when cardinality(path) > 1 then path[:cardinality(path) - 1]
            else array[pg_internal.current_schema()]
        end) as r
        where r.name = pg_internal.shown(path[cardinality(path)])
            and (types is null or r.argument_list = pg_internal.type_list(types))
    );
begin
    if found is null then
        raise exception 'procedure "%" does not exist', path[cardinality(path)]
            || case when types is null then '' else '(' || pg_internal.type_list(types) || ')' end
            using errcode = '42883';
    elsif cardinality(found) > 1 then
        raise exception 'procedure name "%" is not unique', path[cardinality(path)] using errcode = '42725';
    end if;
    return found[1];
end $$;
create or replace function pg_internal.drop_procedure(path text[], types text[], lenient boolean) returns void
language plpgsql as $$
declare
    dropped oid;
begin
    begin
        dropped := pg_internal.procedure_at(path, types);
    exception when undefined_function then
        if not lenient then
            raise;
        end if;
        raise notice '%, skipping', sqlerrm;
        return;
    end;
    execute format('drop procedure %s', dropped::regprocedure);
end $$;
create or replace function pg_internal.show_procedure(path text[], types text[]) returns varchar
language plpgsql stable as $$
begin
    return (
        select format(
            E'CREATE OR REPLACE PROCEDURE %I.%I(%s)\n LANGUAGE plpgsql%s\nAS $_$%s$_$\n',
            pg_internal.schema_of(n.nspname), p.proname, a.list,
            case when p.prosecdef then ' SECURITY DEFINER' else '' end, p.prosrc
        )
        from pg_internal.procs as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        cross join lateral (
            select coalesce(string_agg(
                concat_ws(' ', nullif(mode, 'IN'), quote_ident(nullif(name, '')), pg_catalog.format_type(type, null)),
                ', ' order by place
            ), '') as list
            from pg_internal.routine_arguments(p.oid)
        ) as a
        where p.oid = pg_internal.procedure_at(path, types)
    );
end $$;

-- A table that is not there has no constraints: redshift_connector asks in every schema of a database
-- (get_primary_keys in metadataServerProxy.py, github.com/aws/amazon-redshift-python-driver).
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_CONSTRAINTS.html; rules are JDBC's numbers.
create or replace function pg_internal.show_primary_keys(path text[])
returns table (
    database_name varchar, schema_name varchar, table_name varchar, pk_name varchar,
    column_name varchar, key_seq integer
) language sql stable as $$
    select
        pg_internal.database_of(n.nspname), pg_internal.schema_of(n.nspname), k.table_name, k.name::varchar,
        pg_internal.shown(a.attname), p.place::integer
    from pg_internal.table_keys as k
    join pg_catalog.pg_namespace as n on n.oid = k.relnamespace
    cross join lateral unnest(k.places) with ordinality as p (attnum, place)
    join pg_catalog.pg_attribute as a on a.attrelid = k.table_id and a.attnum = p.attnum
    where k.kind = 'primary key' and k.table_id = pg_internal.relation_if_any(path)
    order by k.name, p.place
$$;
create or replace function pg_internal.show_foreign_keys(path text[], exported boolean)
returns table (
    pk_database_name varchar, pk_schema_name varchar, pk_table_name varchar, pk_column_name varchar,
    fk_database_name varchar, fk_schema_name varchar, fk_table_name varchar, fk_column_name varchar,
    key_seq integer, fk_name varchar, pk_name varchar, update_rule integer, delete_rule integer,
    deferrability integer
) language sql stable as $$
    select
        pg_internal.database_of(rn.nspname), pg_internal.schema_of(rn.nspname), pg_internal.shown(r.relname),
        pg_internal.shown(ra.attname), pg_internal.database_of(n.nspname), pg_internal.schema_of(n.nspname),
        pg_internal.shown(c.relname), pg_internal.shown(a.attname), p.place::integer, k.conname::varchar,
        (
            select pk.name from pg_internal.table_keys as pk
            where pk.table_id = k.confrelid and pk.kind <> 'foreign key' and pk.places = k.confkey
            order by pk.kind limit 1
        )::varchar,
        3, 3, 7
    from pg_internal.constraints as k
    join pg_catalog.pg_class as c on c.oid = k.conrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    join pg_catalog.pg_class as r on r.oid = k.confrelid
    join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
    cross join lateral unnest(k.conkey) with ordinality as p (attnum, place)
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = p.attnum
    left join pg_catalog.pg_attribute as ra on ra.attrelid = r.oid and ra.attnum = k.confkey[p.place]
    where k.contype = 'f'
        and case when exported then k.confrelid else k.conrelid end = pg_internal.relation_if_any(path)
    order by 1, 2, 3, 7, 10, 9
$$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_COLUMN_GRANTS.html
create or replace function pg_internal.show_column_grants(path text[], pattern text default '%')
returns table (
    database_name varchar, schema_name varchar, table_name varchar, column_name varchar,
    object_type varchar, privilege_type varchar, identity_id integer, identity_name varchar,
    identity_type varchar, admin_option boolean, privilege_scope varchar, grantor_name varchar
) language sql stable as $$
    select
        pg_internal.database_of(n.nspname), pg_internal.schema_of(n.nspname), pg_internal.shown(c.relname),
        pg_internal.shown(a.attname), 'TABLE'::varchar, x.privilege_type::varchar, x.grantee::integer,
        pg_internal.identity_name(x.grantee), pg_internal.identity_type(x.grantee), x.is_grantable,
        'COLUMN'::varchar, pg_internal.identity_name(x.grantor)
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    cross join lateral pg_catalog.aclexplode(a.attacl) as x
    where c.oid = pg_internal.relation_if_any(path) and pg_internal.shown(a.attname) like pattern
    order by a.attnum, 8, 6
$$;
