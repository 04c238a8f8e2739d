-- SUPER: JSON text without blanks, in the order in which it was written.
-- https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
do $do$
begin
    if to_regtype('pg_catalog.super') is null then
        create domain pg_catalog.super as json;
    end if;
end $do$;

create or replace function pg_internal.json_text(value json) returns varchar
language plpgsql immutable strict parallel safe as $$
begin
    return format('%s', value);
end $$;
-- What an escape stands for stands there itself, where JSON lets it: `é` for `\u00e9`, `/` for `\/`.
create or replace function pg_internal.super_unescaped(value text) returns text
language sql immutable strict parallel safe as $$
    select string_agg(
        case when part[1] like '"%\\%' and part[1] not like '%\\u0000%'
            then pg_internal.json_text(to_json(part[1]::json #>> '{}')) else part[1] end,
        '' order by place
    )
    from regexp_matches(value, '("(?:[^"\\]|\\.)*"|[^"]+)', 'g') with ordinality as r (part, place)
$$;
create or replace function pg_internal.super_compact(value json) returns super
language sql immutable strict parallel safe as $$
    select case
        when position('\' in c.compact) > 0 then pg_internal.super_unescaped(c.compact) else c.compact
    end::super
    from (
        select regexp_replace(pg_internal.json_text(value), '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g') as compact
    ) as c
$$;
create or replace function pg_internal.is_json(value text) returns boolean
language sql immutable strict parallel safe as $$ select value is json $$;

-- Navigation is lax: what is not there is NULL, and so is JSON's null.
create or replace function pg_internal.super_null(value json) returns super
language sql immutable strict parallel safe as
    $$ select case when json_typeof(value) <> 'null' then value end::super $$;
create or replace function pg_internal.super_get(value super, attribute text) returns super
language sql immutable parallel safe as $$
    select case when json_typeof(value) = 'object' then pg_internal.super_null(value -> attribute) end::super
$$;
create or replace function pg_internal.super_at(value super, place integer) returns super
language sql immutable parallel safe as $$
    select case
        when json_typeof(value) = 'array' and place >= 0 then pg_internal.super_null(value -> place)
    end::super
$$;
create or replace function pg_internal.super_at(value super, attribute text) returns super
language sql immutable parallel safe as $$ select pg_internal.super_get(value, attribute) $$;
-- … and an element of one of PostgreSQL's arrays, which catalogs have.
create or replace function pg_internal.super_at(value anyarray, place integer) returns anyelement
language sql immutable parallel safe as $$ select value[place] $$;
create or replace function pg_internal.super_elements_at(value super)
returns table (element super, place bigint) language plpgsql immutable parallel safe as $$
begin
    if value is null then
        return;
    end if;
    if json_typeof(value) <> 'array' then
        raise exception 'Unnesting a SUPER value that is no array is not supported by the local Redshift gateway'
            using errcode = '0A000';
    end if;
    return query
        select e.item::super, e.n - 1
        from json_array_elements(value) with ordinality as e (item, n);
end $$;
create or replace function pg_internal.super_elements(value super) returns setof super
language sql immutable parallel safe as
    $$ select element from pg_internal.super_elements_at(value) $$;

-- Object unpivoting: attributes in their order.
create or replace function pg_internal.super_pairs(value super)
returns table (attribute_value super, attribute varchar) language plpgsql immutable parallel safe as $$
begin
    if value is null then
        return;
    end if;
    if json_typeof(value) <> 'object' then
        raise exception 'UNPIVOT of a SUPER value that is no object is not supported by the local Redshift gateway'
            using errcode = '0A000';
    end if;
    return query
        select e.item::super, e.key::varchar
        from json_each(value) as e (key, item);
end $$;
create or replace function pg_internal.super_values(value super) returns setof super
language sql immutable parallel safe as
    $$ select attribute_value from pg_internal.super_pairs(value) $$;

-- Casts of SUPER: NULL where the value is of another type.
create or replace function pg_internal.super_text(value json) returns text
language plpgsql immutable strict parallel safe as $$
begin
    case json_typeof(value)
        when 'object', 'array' then
            raise exception 'Casting a SUPER object or array to text is not supported by the local Redshift gateway'
                using errcode = '0A000', hint = 'Use JSON_SERIALIZE.';
        when 'null' then
            return null;
        else
            return value #>> '{}';
    end case;
end $$;
create or replace function pg_internal.super_number(value json) returns numeric
language sql immutable strict parallel safe as $$
    select case
        when json_typeof(value) = 'number'
            or (json_typeof(value) = 'string' and value #>> '{}' ~ '^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$')
            then (value #>> '{}')::numeric
    end
$$;
create or replace function pg_internal.super_boolean(value json) returns boolean
language sql immutable strict parallel safe as
    $$ select case when json_typeof(value) = 'boolean' then (value #>> '{}')::boolean end $$;
do $do$
declare
    kind text;
    expression text;
begin
    for kind, expression in values
        ('text', 'pg_internal.super_text($1)'),
        ('varchar', 'pg_internal.super_text($1)'),
        ('bpchar', 'pg_internal.super_text($1)'),
        ('boolean', 'pg_internal.super_boolean($1)'),
        ('numeric', 'pg_internal.super_number($1)'),
        ('float8', 'pg_internal.super_number($1)::float8'),
        ('float4', 'pg_internal.super_number($1)::float4'),
        ('int2', 'case when abs(pg_internal.super_number($1)) < 32767.5 then pg_internal.super_number($1)::int2 end'),
        ('int4', 'case when abs(pg_internal.super_number($1)) < 2147483647.5 then pg_internal.super_number($1)::int4 end'),
        ('int8', 'case when abs(pg_internal.super_number($1)) < 9223372036854775807.5 then pg_internal.super_number($1)::int8 end'),
        ('date', 'case when pg_input_is_valid(pg_internal.super_text($1), ''date'') then pg_internal.super_text($1)::date end'),
        ('timestamp', 'case when pg_input_is_valid(pg_internal.super_text($1), ''timestamp'') then pg_internal.super_text($1)::timestamp end'),
        ('timestamptz', 'case when pg_input_is_valid(pg_internal.super_text($1), ''timestamptz'') then pg_internal.super_text($1)::timestamptz end')
    loop
        continue when exists (
            select from pg_catalog.pg_cast
            where castsource = 'json'::regtype and casttarget = kind::regtype
        );
        execute format(
            'create function pg_internal.super_as_%1$s(json) returns %1$s language sql immutable strict '
            'parallel safe as $f$ select %2$s $f$; '
            'create cast (json as %1$s) with function pg_internal.super_as_%1$s(json) as assignment',
            kind, expression
        );
    end loop;
end $do$;
create or replace function pg_internal.to_super(value text) returns super
language sql immutable strict parallel safe as $$ select to_json(value)::super $$;
create or replace function pg_internal.to_super(value json) returns super
language sql immutable strict parallel safe as $$ select value::super $$;
do $do$
declare
    kind text;
begin
    foreach kind in array array['smallint', 'integer', 'bigint', 'numeric', 'float4', 'float8', 'boolean'] loop
        execute format(
            'create or replace function pg_internal.to_super(value %s) returns super '
            'language sql immutable strict parallel safe as $f$ select to_json(value)::super $f$', kind
        );
    end loop;
end $do$;

-- Order among types: boolean, number, string, array, object. Equality across types is false,
-- other comparisons are NULL.
create or replace function pg_internal.super_rank(value json) returns integer
language sql immutable strict parallel safe as $$
    select case json_typeof(value)
        when 'boolean' then 1 when 'number' then 2 when 'string' then 3 when 'array' then 4
        when 'object' then 5 else 6
    end
$$;
create or replace function pg_internal.super_cmp(a json, b json) returns integer
language sql immutable strict parallel safe as $$
    select case
        when pg_internal.super_rank(a) <> pg_internal.super_rank(b)
            then sign(pg_internal.super_rank(a) - pg_internal.super_rank(b))::integer
        when json_typeof(a) = 'string'
            then bttextcmp(rtrim(a #>> '{}', ' ') collate "C", rtrim(b #>> '{}', ' ') collate "C")
        else jsonb_cmp(a::jsonb, b::jsonb)
    end
$$;
do $do$
declare
    op text;
    other text;
    test text;
begin
    if to_regoperator('pg_catalog.=(json, json)') is not null then
        return;
    end if;
    foreach op in array array['<', '<=', '=', '>=', '>', '<>'] loop
        test := case op
            when '=' then 'pg_internal.super_cmp($1, $2) = 0'
            when '<>' then 'pg_internal.super_cmp($1, $2) <> 0'
            else 'case when pg_internal.super_rank($1) = pg_internal.super_rank($2) '
                'then pg_internal.super_cmp($1, $2) ' || op || ' 0 end'
        end;
        execute format(
            'create function pg_internal.%I(json, json) returns boolean language sql immutable strict '
            'parallel safe as $f$ select %s $f$', 'super ' || op, test
        );
        -- What indexes and sorting use: a total order.
        execute format(
            'create function pg_internal.%I(json, json) returns boolean language sql immutable strict '
            'parallel safe as $f$ select pg_internal.super_cmp($1, $2) %s 0 $f$', 'total ' || op, op
        );
        execute format(
            'create operator pg_internal.%s (leftarg = json, rightarg = json, function = pg_internal.%I)',
            op, 'total ' || op
        );
        execute format(
            'create operator pg_catalog.%s (leftarg = json, rightarg = json, function = pg_internal.%I)',
            op, 'super ' || op
        );
        foreach other in array array['text', 'numeric', 'float8', 'boolean'] loop
            execute format(
                'create function pg_internal.%1$I(json, %3$s) returns boolean language sql immutable strict '
                'parallel safe as $f$ select pg_internal.%1$I($1, to_json($2)) $f$; '
                'create function pg_internal.%1$I(%3$s, json) returns boolean language sql immutable strict '
                'parallel safe as $f$ select pg_internal.%1$I(to_json($1), $2) $f$; '
                'create operator pg_catalog.%2$s (leftarg = json, rightarg = %3$s, function = pg_internal.%1$I); '
                'create operator pg_catalog.%2$s (leftarg = %3$s, rightarg = json, function = pg_internal.%1$I)',
                'super ' || op, op, other
            );
        end loop;
    end loop;
    -- Arithmetic is NULL where the value is no number; division is not certain and left out.
    foreach op in array array['+', '-', '*'] loop
        foreach other in array array['numeric', 'float8', 'json'] loop
            test := case other when 'json' then 'pg_internal.super_number(%s)' else '%s' end;
            execute format(
                'create function pg_internal.%1$I(json, %3$s) returns super language sql immutable strict '
                'parallel safe as $f$ select to_json(pg_internal.super_number($1) %2$s ' || format(test, '$2')
                || ')::super $f$; '
                'create operator pg_catalog.%2$s (leftarg = json, rightarg = %3$s, function = pg_internal.%1$I)',
                'super ' || op, op, other
            );
            continue when other = 'json';
            execute format(
                'create function pg_internal.%1$I(%3$s, json) returns super language sql immutable strict '
                'parallel safe as $f$ select to_json($1 %2$s pg_internal.super_number($2))::super $f$; '
                'create operator pg_catalog.%2$s (leftarg = %3$s, rightarg = json, function = pg_internal.%1$I)',
                'super ' || op, op, other
            );
        end loop;
    end loop;
    create operator class pg_internal.super_ops default for type json using btree as
        operator 1 pg_internal.<, operator 2 pg_internal.<=, operator 3 pg_internal.=,
        operator 4 pg_internal.>=, operator 5 pg_internal.>, function 1 pg_internal.super_cmp(json, json);
end $do$;
