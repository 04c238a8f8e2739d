-- FIRST_VALUE, LAST_VALUE, NTH_VALUE, LAG and LEAD with IGNORE NULLS, as aggregates over a frame.
create or replace function pg_internal.keep_first(state anyelement, value anyelement)
returns anyelement language sql immutable strict parallel safe as $$ select state $$;
create or replace function pg_internal.keep_last(state anyelement, value anyelement)
returns anyelement language sql immutable strict parallel safe as $$ select value $$;
-- The state of the counting ones has `wanted` elements, NULL where no value has come yet.
create or replace function pg_internal.collect_first(state anyarray, value anyelement, wanted integer)
returns anyarray language sql immutable parallel safe as $$
    select case
        when value is null then state
        when state is null
            then value || array_fill(case when false then value end, array[wanted - 1])
        when state[wanted] is not null then state
        else (array_remove(state, null) || value)
            || array_fill(
                case when false then value end,
                array[wanted - cardinality(array_remove(state, null)) - 1]
            )
    end
$$;
create or replace function pg_internal.collect_last(state anyarray, value anyelement, wanted integer)
returns anyarray language sql immutable parallel safe as $$
    select case
        when value is null then state
        when state is null
            then array_fill(case when false then value end, array[wanted - 1]) || value
        else state[2:] || value
    end
$$;
create or replace function pg_internal.collected_first(state anyarray) returns anyelement
language sql immutable parallel safe as $$ select state[cardinality(state)] $$;
create or replace function pg_internal.collected_last(state anyarray) returns anyelement
language sql immutable parallel safe as $$ select state[1] $$;
do $do$
begin
    if to_regprocedure('pg_internal.first_not_null(anyelement)') is null then
        create aggregate pg_internal.first_not_null(anyelement) (
            sfunc = pg_internal.keep_first, stype = anyelement
        );
        create aggregate pg_internal.last_not_null(anyelement) (
            sfunc = pg_internal.keep_last, stype = anyelement
        );
        create aggregate pg_internal.nth_not_null(anyelement, integer) (
            sfunc = pg_internal.collect_first, stype = anyarray,
            finalfunc = pg_internal.collected_first
        );
        create aggregate pg_internal.nth_last_not_null(anyelement, integer) (
            sfunc = pg_internal.collect_last, stype = anyarray,
            finalfunc = pg_internal.collected_last
        );
    end if;
end $do$;
