-- Conversions that Redshift makes by itself: numbers, dates and times become text where text is
-- wanted; not NUMERIC, which Redshift compares with text as a number.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
create or replace function pg_internal.refuse_comparison() returns void language plpgsql as $$
begin
    raise exception
        'Comparing dates and times with character strings is not supported by the local Redshift gateway'
        using errcode = '0A000', hint = 'Cast one of them.';
end $$;
do $do$
declare
    kind text;
    refusal constant text := 'language plpgsql immutable as $f$ begin '
        'perform pg_internal.refuse_comparison(); end $f$';
    op text;
begin
    foreach kind in array array[
        'int2', 'int4', 'int8', 'float4', 'float8', 'date', 'timestamp', 'timestamptz', 'time', 'oid'
    ] loop
        if not exists (
            select from pg_catalog.pg_cast
            where castsource = kind::regtype and casttarget = 'text'::regtype
        ) then
            execute format('create cast (%s as text) with inout as implicit', kind);
        end if;
        -- Without these PostgreSQL would find two readings of `1 || 'a'`.
        if to_regoperator(format('pg_catalog.||(%s, text)', kind)) is null then
            execute format(
                'create function pg_internal.join_text(%1$s, text) returns text language sql stable '
                'parallel safe as $f$ select $1::text || $2 $f$; '
                'create function pg_internal.join_text(text, %1$s) returns text language sql stable '
                'parallel safe as $f$ select $1 || $2::text $f$; '
                'create operator pg_catalog.|| (leftarg = %1$s, rightarg = text, '
                'function = pg_internal.join_text); '
                'create operator pg_catalog.|| (leftarg = text, rightarg = %1$s, '
                'function = pg_internal.join_text)',
                kind
            );
        end if;
    end loop;
    -- Numbers are compared with text as text. How dates and times are the guide does not say: that
    -- is refused.
    foreach kind in array array['date', 'timestamp', 'timestamptz', 'time'] loop
        foreach op in array array['=', '<>', '<', '<=', '>', '>='] loop
            continue when to_regoperator(format('pg_catalog.%s(%s, text)', op, kind)) is not null;
            execute format(
                'create function pg_internal.%2$I(%3$s, text) returns boolean ' || refusal || '; '
                'create function pg_internal.%2$I(text, %3$s) returns boolean ' || refusal || '; '
                'create operator pg_catalog.%1$s (leftarg = %3$s, rightarg = text, '
                'function = pg_internal.%2$I); '
                'create operator pg_catalog.%1$s (leftarg = text, rightarg = %3$s, '
                'function = pg_internal.%2$I)',
                op, 'compare ' || op, kind
            );
        end loop;
    end loop;
end $do$;

-- `+` joins texts, as AWS's own queries use it (v_generate_tbl_ddl, github.com/awslabs/
-- amazon-redshift-utils). Of VARCHAR, as no number becomes one by itself: what `+` does with a text
-- and a number they do not show.
do $do$
begin
    if to_regoperator('pg_catalog.+(varchar, varchar)') is null then
        create or replace function pg_internal.joined(varchar, varchar) returns varchar
        language sql immutable strict parallel safe as 'select ($1 || $2)::varchar';
        create operator pg_catalog.+ (leftarg = varchar, rightarg = varchar, function = pg_internal.joined);
    end if;
end $do$;

-- Integers are conditions (`where 1`) and values of BOOLEAN columns.
do $do$
declare
    kind text;
begin
    foreach kind in array array['int2', 'int8'] loop
        execute format(
            'create or replace function pg_internal.is_not_zero(%1$s) returns boolean language sql immutable '
            'strict parallel safe as $f$ select $1 <> 0 $f$', kind
        );
        if not exists (
            select from pg_catalog.pg_cast
            where castsource = kind::regtype and casttarget = 'boolean'::regtype
        ) then
            execute format(
                'create cast (%1$s as boolean) with function pg_internal.is_not_zero(%1$s) as assignment', kind
            );
        end if;
    end loop;
    update pg_catalog.pg_cast set castcontext = 'a'
    where castsource = 'int4'::regtype and casttarget = 'boolean'::regtype;
end $do$;

-- `::varchar(n)` cuts to n bytes, at the end of a character.
create or replace function pg_internal.cut_bytes(value text, bytes integer) returns text
language plpgsql immutable strict parallel safe as $$
declare
    raw bytea := convert_to(value, 'UTF8');
    size integer := bytes;
begin
    if length(raw) <= size then
        return value;
    end if;
    while size > 0 and get_byte(raw, size) between 128 and 191 loop
        size := size - 1;
    end loop;
    return convert_from(substring(raw for size), 'UTF8');
end $$;
create or replace function pg_internal.cut(value text, bytes integer) returns text
language sql immutable parallel safe as $$
    select case when octet_length(value) <= bytes then value else pg_internal.cut_bytes(value, bytes) end
$$;
-- TRY_CAST: NULL where the value is not one of the type's; a conversion that there is not is an error.
create or replace function pg_internal.try_cast(value anyelement, wanted anycompatible, kind text)
returns anycompatible language plpgsql immutable parallel safe as $$
declare
    found wanted%type;
begin
    execute 'select $1::' || kind into found using value;
    return found;
exception when data_exception then
    return null;
end $$;
