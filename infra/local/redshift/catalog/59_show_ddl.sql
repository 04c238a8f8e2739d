-- SHOW TABLE and SHOW VIEW: the statement that makes it again.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLE.html

-- The relation that a dotted name means, NULL or an error in Redshift's words when there is none.
create or replace function pg_internal.relation_if_any(path text[]) returns regclass
language plpgsql stable as $$
begin
    if cardinality(path) = 1 then
        return to_regclass(quote_ident(pg_internal.stored_name(path[1])));
    end if;
    return to_regclass(
        quote_ident(pg_internal.namespace_if_any(path[:cardinality(path) - 1])) || '.'
        || quote_ident(pg_internal.stored_name(path[cardinality(path)]))
    );
end $$;
create or replace function pg_internal.relation_at(path text[]) returns regclass
language plpgsql stable as $$
declare
    found regclass := pg_internal.relation_if_any(path);
begin
    if found is null then
        if cardinality(path) > 1 then
            perform pg_internal.namespace_of(path[:cardinality(path) - 1]);  -- the error of a wrong database
        end if;
        raise exception 'relation "%" does not exist', path[cardinality(path)] using errcode = '42P01';
    end if;
    return found;
end $$;

create or replace function pg_internal.column_ddl(shown regclass) returns text
language sql stable as $$
    select string_agg(
        format('    %I %s', c.attname, c.type)
        || case
            when c.identity is not null then format(' identity(%s,%s)', c.identity[1], c.identity[2])
            when c.expression is not null then ' DEFAULT ' || c.expression
            else ''
        end
        || case when c.attnotnull then ' NOT NULL' else '' end
        || coalesce(' ENCODE ' || (t.attributes -> 'encodings' ->> c.attname), '')
        || case when t.attributes ->> 'distkey' = c.attname then ' distkey' else '' end,
        e',\n' order by c.attnum
    )
    from (
        select
            a.attrelid, a.attname, a.attnum, a.attnotnull,
            case a.atttypid when 'json'::regtype then 'super'
                else pg_internal.type_name(a.atttypid, a.atttypmod) end as type,
            case when a.attidentity = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end as expression,
            case when a.attidentity <> '' then (
                select array[q.seqstart, q.seqincrement] from pg_catalog.pg_sequence as q
                where q.seqrelid = pg_catalog.pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass
            ) end as identity
        from pg_catalog.pg_attribute as a
        left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = shown and a.attnum > 0 and not a.attisdropped
    ) as c
    left join pg_internal.table_attributes as t on t.table_id = c.attrelid
$$;

create or replace function pg_internal.key_ddl(shown regclass) returns text
language sql stable as $$
    select string_agg(
        e',\n    ' || upper(k.key ->> 'kind') || ' ('
        || (select string_agg(quote_ident(u), ', ') from jsonb_array_elements_text(k.key -> 'columns') as u)
        || ')' || coalesce(
            ' REFERENCES '
            || (select string_agg(quote_ident(u), '.') from jsonb_array_elements_text(k.key -> 'table') as u)
            || coalesce('(' || (
                select string_agg(quote_ident(u), ', ') from jsonb_array_elements_text(k.key -> 'references') as u
            ) || ')', ''),
            ''
        ),
        '' order by k.place
    )
    from pg_internal.table_attributes as t
    cross join lateral jsonb_array_elements(
        case jsonb_typeof(t.attributes -> 'keys') when 'array' then t.attributes -> 'keys' end
    ) with ordinality as k (key, place)
    where t.table_id = shown
$$;

create or replace function pg_internal.show_table(path text[]) returns varchar
language plpgsql stable as $$
declare
    shown regclass := pg_internal.relation_at(path);
    kept jsonb := (select attributes from pg_internal.table_attributes where table_id = shown);
    sorted text := (
        select string_agg(quote_ident(s), ', ') from jsonb_array_elements_text(kept -> 'sortkey') as s
    );
begin
    if (select relkind from pg_catalog.pg_class where oid = shown) <> 'r' then
        raise exception '"%" is not a table', path[cardinality(path)] using errcode = '42809';
    end if;
    return pg_internal.whole_names((
        select format(
            e'CREATE TABLE %I.%I (\n%s%s\n)\nDISTSTYLE %s%s;',
            pg_internal.schema_of(n.nspname), c.relname, pg_internal.column_ddl(shown),
            coalesce(pg_internal.key_ddl(shown), ''),
            upper(coalesce(kept ->> 'diststyle', 'auto')),
            case when sorted is null then '' else
                case when kept ->> 'sort_style' = 'interleaved' then e'\nINTERLEAVED SORTKEY ( ' else e'\nSORTKEY ( ' end
                || sorted || ' )'
            end
        )
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.oid = shown
    ));
end $$;

create or replace function pg_internal.show_view(path text[]) returns varchar
language plpgsql stable as $$
declare
    shown regclass := pg_internal.relation_at(path);
    original text := (select d.original from pg_internal.definitions as d where d.view_id = shown);
begin
    if (select relkind from pg_catalog.pg_class where oid = shown) <> 'v' then
        raise exception '"%" is not a view', path[cardinality(path)] using errcode = '42809';
    end if;
    return pg_internal.whole_names(coalesce(original, (
        select format('CREATE VIEW %I.%I AS %s', pg_internal.schema_of(n.nspname), c.relname,
            ltrim(pg_catalog.pg_get_viewdef(shown)))
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.oid = shown
    )));
end $$;
