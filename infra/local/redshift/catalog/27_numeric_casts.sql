-- An explicit cast of a NUMERIC to fewer digits cuts, unless enable_numeric_rounding is on; what is
-- inserted is rounded, and so are floats and texts, as by PostgreSQL:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_enable_numeric_rounding.html (off by default) and
-- r_Numeric_types201.html. PostgreSQL tells a cast's function the wanted length and whether the cast
-- was written. These functions are PL/pgSQL, as SQL would be inlined
-- and PostgreSQL then not see the result's length; those of integers are, as they have none.
create or replace function pg_internal.rounds() returns boolean language sql stable parallel safe as $$
    select coalesce(current_setting('redshift.enable_numeric_rounding', true), '') in ('on', 'true', '1')
$$;
create or replace function pg_internal.to_numeric(value numeric, size integer, written boolean)
returns numeric language plpgsql stable strict parallel safe as $$
begin
    if written and not pg_internal.rounds() then
        return pg_catalog."numeric"(trunc(value, (size - 4) & 2047), size);
    end if;
    return pg_catalog."numeric"(value, size);
end $$;
do $do$
declare
    kind text;
begin
    foreach kind in array array['double precision', 'real'] loop
        execute format(
            'create or replace function pg_internal.to_numeric(value %s, size integer, written boolean) '
            'returns numeric language plpgsql immutable strict parallel safe as $f$ begin '
            'return case when size < 0 then pg_catalog."numeric"(value) '
            'else pg_catalog."numeric"(pg_catalog."numeric"(value), size) end; end $f$',
            kind
        );
    end loop;
end $do$;
create or replace function pg_internal.to_numeric(value text, size integer, written boolean)
returns numeric language plpgsql immutable strict parallel safe as $$
begin
    return numeric_in(textout(value), 0, size);
end $$;
update pg_catalog.pg_cast set
    castfunc = format('pg_internal.to_numeric(%s,integer,boolean)', castsource::regtype)::regprocedure
where casttarget = 'numeric'::regtype
    and castsource in ('numeric'::regtype, 'double precision'::regtype, 'real'::regtype);
do $do$
declare
    kind text;
begin
    foreach kind in array array['text', 'varchar'] loop
        if not exists (
            select from pg_catalog.pg_cast
            where castsource = kind::regtype and casttarget = 'numeric'::regtype
        ) then
            execute format(
                'create cast (%s as numeric) with function pg_internal.to_numeric(text, integer, boolean)', kind
            );
        end if;
    end loop;
    foreach kind in array array['smallint', 'integer', 'bigint'] loop
        execute format(
            'create or replace function pg_internal.to_%1$s(value numeric, size integer, written boolean) '
            'returns %1$s language sql stable parallel safe as $f$ '
            'select pg_catalog.int%2$s(case when written and not pg_internal.rounds() then trunc(value) '
            'else value end) $f$',
            kind, case kind when 'smallint' then 2 when 'integer' then 4 else 8 end
        );
        update pg_catalog.pg_cast set
            castfunc = format('pg_internal.to_%s(numeric,integer,boolean)', kind)::regprocedure
        where castsource = 'numeric'::regtype and casttarget = kind::regtype;
    end loop;
end $do$;
