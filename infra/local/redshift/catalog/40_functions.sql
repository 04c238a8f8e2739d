-- Text, numbers, aggregates, session information.
create or replace function pg_catalog.len(value text) returns integer
language sql immutable strict parallel safe as $$ select length(value) $$;
create or replace function pg_catalog.len(value character) returns integer
language sql immutable strict parallel safe as $$ select length(value) $$;
create or replace function pg_catalog.textlen(value text) returns integer
language sql immutable strict parallel safe as $$ select length(value) $$;
create or replace function pg_catalog.charindex(part text, value text) returns integer
language sql immutable strict parallel safe as $$ select position(part in value) $$;
create or replace function pg_internal.concat(a text, b text) returns text
language sql immutable strict parallel safe as $$ select a || b $$;
create or replace function pg_catalog.sha2(value text, bits integer) returns text
language sql immutable strict parallel safe as $$
    select encode(case bits
        when 0 then sha256(convert_to(value, 'UTF8'))
        when 224 then sha224(convert_to(value, 'UTF8'))
        when 256 then sha256(convert_to(value, 'UTF8'))
        when 384 then sha384(convert_to(value, 'UTF8'))
        when 512 then sha512(convert_to(value, 'UTF8'))
    end, 'hex')
$$;
create or replace function pg_catalog.strtol(value text, base integer) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
    digits text := lower(ltrim(value, '+-'));
    total numeric := 0;
    digit integer;
begin
    if base = 16 and left(digits, 2) = '0x' then
        digits := substr(digits, 3);
    end if;
    for i in 1 .. length(digits) loop
        digit := position(substr(digits, i, 1) in '0123456789abcdefghijklmnopqrstuvwxyz') - 1;
        if digit < 0 or digit >= base then
            raise exception 'The input % is not valid to be converted to base %', value, base
                using errcode = '22023';
        end if;
        total := total * base + digit;
    end loop;
    return case when left(value, 1) = '-' then -total else total end;
end $$;
create or replace function pg_catalog.round(value double precision, places integer)
returns double precision language sql immutable strict parallel safe as
    $$ select round(value::numeric, places)::double precision $$;
create or replace function pg_catalog.trunc(value double precision, places integer)
returns double precision language sql immutable strict parallel safe as
    $$ select trunc(value::numeric, places)::double precision $$;

-- AVG of integers is a BIGINT, cut off towards zero. State: count and sum.
create or replace function pg_internal.avg_final(state bigint[]) returns bigint
language sql immutable parallel safe as
    $$ select case when state[1] > 0 then state[2] / state[1] end $$;
create or replace function pg_internal.avg_final(state numeric[]) returns bigint
language sql immutable parallel safe as
    $$ select case when state[1] > 0 then trunc(state[2] / state[1])::bigint end $$;
create or replace function pg_internal.avg_step(state numeric[], value bigint) returns numeric[]
language sql immutable parallel safe as
    $$ select case when value is null then state else array[state[1] + 1, state[2] + value] end $$;
do $do$
begin
    if to_regprocedure('pg_internal.avg(bigint)') is null then
        create aggregate pg_internal.avg(smallint) (
            sfunc = int2_avg_accum, stype = bigint[], initcond = '{0,0}',
            finalfunc = pg_internal.avg_final
        );
        create aggregate pg_internal.avg(integer) (
            sfunc = int4_avg_accum, stype = bigint[], initcond = '{0,0}',
            finalfunc = pg_internal.avg_final
        );
        create aggregate pg_internal.avg(bigint) (
            sfunc = pg_internal.avg_step, stype = numeric[], initcond = '{0,0}',
            finalfunc = pg_internal.avg_final
        );
        create aggregate pg_internal.avg(numeric) (
            sfunc = numeric_avg_accum, stype = internal, finalfunc = numeric_avg
        );
        create aggregate pg_internal.avg(double precision) (
            sfunc = float8_accum, stype = float8[], initcond = '{0,0,0}', finalfunc = float8_avg
        );
        create aggregate pg_internal.avg(interval) (
            sfunc = interval_avg_accum, stype = internal, finalfunc = interval_avg
        );
    end if;
end $do$;

-- AVG(x) is avg(sum(x), count(x), avg(x)): of NUMERIC a NUMERIC of the argument's scale, whose
-- further digits are cut (https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html; that they are
-- cut: ImplementRedshiftAvgDecimal.java of https://github.com/trinodb/trino). Nineteen more digits
-- than the scale are enough for any count of rows to cut rightly.
create or replace function pg_internal.avg(total numeric, rows bigint, mean numeric) returns numeric
language sql immutable parallel safe as
    $$ select trunc(round(total, scale(total) + 19) / nullif(rows, 0), scale(total)) $$;
create or replace function pg_internal.avg(total numeric, rows bigint, mean bigint) returns bigint
language sql immutable parallel safe as $$ select mean $$;
create or replace function pg_internal.avg(total double precision, rows bigint, mean double precision)
returns double precision language sql immutable parallel safe as $$ select mean $$;
create or replace function pg_internal.avg(total interval, rows bigint, mean interval)
returns interval language sql immutable parallel safe as $$ select mean $$;

-- A division with a given scale: `one` is ten to the scale, `unit` its inverse (translate/division.py).
create or replace function pg_internal.quotient(value numeric, divisor numeric, one numeric, unit numeric)
returns numeric language sql immutable parallel safe as $$ select div(value * one, divisor) * unit $$;

-- Settings: PostgreSQL's, or Redshift's own with their defaults.
create or replace function pg_internal.current_setting(name text, lenient boolean default false)
returns text language sql stable as $$
    select coalesce(
        nullif(pg_catalog.current_setting('redshift.' || name, true), ''),
        case name
            when 'query_group' then 'default'
            when 'wlm_query_slot_count' then '1'
            when 'enable_case_sensitive_identifier' then 'off'
            when 'enable_result_cache_for_session' then 'on'
            when 'analyze_threshold_percent' then '10'
            when 'describe_field_name_in_uppercase' then 'off'
            when 'downcase_delimited_identifier' then 'on'
            when 'enable_numeric_rounding' then 'off'
            when 'json_serialization_enable' then 'off'
            when 'mv_enable_aqmv_for_session' then 'on'
            when 'navigate_super_null_on_error' then 'on'
        end,
        pg_catalog.current_setting(name, lenient or pg_catalog.current_setting('redshift.' || name, true) is not null),
        ''
    )
$$;

-- A schema as clients see it: its whole name, without the database that USE has named.
create or replace function pg_internal.current_user_id() returns integer
language sql stable as $$ select usesysid::integer from pg_catalog.pg_user where usename = current_user $$;
create or replace function pg_internal.current_schema() returns varchar language sql stable as $$
    select pg_internal.schema_of(pg_catalog.current_schema())
$$;
-- The same of a whole search path. A name that needs no quotes has none.
create or replace function pg_internal.shown_path() returns varchar language plpgsql stable as $$
declare
    shown text := '';
    part text;
begin
    foreach part in array regexp_split_to_array(pg_catalog.current_setting('search_path'), ',\s*') loop
        if part ~ e'^".*[\x01~]' then
            part := pg_internal.schema_of(trim(part, '"'));
            part := quote_ident(case part when session_user::text then '$user' else part end);
        end if;
        shown := shown || case when shown = '' then '' else ', ' end || part;
    end loop;
    return shown;
end $$;

create or replace function pg_internal.version() returns text language sql immutable as $$
    select 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 '
        || '(Red Hat 3.4.2-6.fc3), Redshift 1.0.117891 (Starlift local gateway)'
$$;
create or replace function pg_catalog.pg_last_query_id() returns bigint language sql stable as
    $$ select coalesce(nullif(current_setting('redshift.last_query_id', true), ''), '-1')::bigint $$;
