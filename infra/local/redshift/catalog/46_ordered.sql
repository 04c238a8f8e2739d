-- LISTAGG, MEDIAN, PERCENTILE_CONT and PERCENTILE_DISC; their values arrive in order.
create or replace function pg_internal.collect_distinct(state text[], value text, delimiter text)
returns text[] language sql immutable parallel safe as $$
    select case
        when value is null then state
        when state is null then array[delimiter, value]
        -- Trailing blanks are not significant, here either.
        when rtrim(value, ' ') = any (select rtrim(s, ' ') from unnest(state[2:]) as s) then state
        else state || value
    end
$$;
create or replace function pg_internal.joined(state text[]) returns text
language sql immutable parallel safe as
    $$ select array_to_string(state[2:], coalesce(state[1], '')) $$;
create or replace function pg_internal.listagg_result(result text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    if octet_length(result) > 65535 then
        raise exception 'Result size exceeds LISTAGG limit' using errcode = '54000';
    end if;
    return result;
end $$;

do $do$
declare
    kind text;
begin
    if to_regprocedure('pg_internal.listagg_distinct(text, text)') is null then
        create aggregate pg_internal.listagg_distinct(text, text) (
            sfunc = pg_internal.collect_distinct, stype = text[], finalfunc = pg_internal.joined
        );
    end if;
    -- Whole numbers and NUMERIC give NUMERIC, floats DOUBLE PRECISION, dates and times themselves.
    foreach kind in array array['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'] loop
        execute format(
            'create or replace function pg_internal.percentile_cont_of(fraction float8, v %1$s[]) '
            'returns %2$s language sql immutable parallel safe as $f$ '
            'select case when floor(at) = ceil(at) then v[floor(at)]::%2$s '
            'else v[floor(at)]::%2$s '
            '+ (v[ceil(at)]::%2$s - v[floor(at)]::%2$s) * (at - floor(at))::%2$s end '
            'from (select 1 + fraction * (cardinality(v) - 1) as at) as x $f$',
            kind, case when kind in ('real', 'double precision') then 'double precision' else 'numeric' end
        );
    end loop;
    foreach kind in array array['date', 'timestamp', 'timestamptz'] loop
        execute format(
            'create or replace function pg_internal.percentile_cont_of(fraction float8, v %1$s[]) '
            'returns %1$s language sql stable parallel safe as $f$ '
            'select (v[floor(at)]::timestamp + (v[ceil(at)]::timestamp - v[floor(at)]::timestamp) '
            '* (at - floor(at)))::%1$s '
            'from (select 1 + fraction * (cardinality(v) - 1) as at) as x $f$',
            kind
        );
    end loop;
end $do$;
create or replace function pg_internal.percentile_disc_of(fraction float8, v anyarray)
returns anyelement language sql immutable parallel safe as
    $$ select v[greatest(1, ceil(fraction * cardinality(v)))::int] $$;
