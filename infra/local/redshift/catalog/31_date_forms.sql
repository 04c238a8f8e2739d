-- TO_DATE with is_strict, comparisons, LAST_DAY's neighbours.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_TO_DATE_function.html: without is_strict a day
-- past the month's end goes on into the next month.
create or replace function pg_internal.to_date(value text, format text, is_strict boolean default false)
returns date language plpgsql immutable strict parallel safe as $$
declare
    year integer := position('YYYY' in upper(format));
    month integer := position('MM' in upper(format));
    day integer := position('DD' in upper(format));
begin
    -- Every month has 28 days. A block that catches errors costs several times as much as the rest.
    if substr(value, day, 2) between '01' and '28' and translate(upper(format), 'YMD-/', '') = '' then
        return pg_catalog.to_date(value, format);
    end if;
    begin
        return pg_catalog.to_date(value, format);
    exception when datetime_field_overflow then
        if is_strict or year * month * day = 0
            or substr(value, month, 2)::integer not between 1 and 12
            or substr(value, day, 2)::integer not between 1 and 31
        then
            raise;
        end if;
        return make_date(substr(value, year, 4)::integer, substr(value, month, 2)::integer, 1)
            + (substr(value, day, 2)::integer - 1);
    end;
end $$;
-- PostgreSQL's own, which sorting dates uses too.
create or replace function pg_catalog.date_cmp(a date, b date) returns integer
language internal immutable strict parallel safe leakproof as 'date_cmp';
create or replace function pg_catalog.timestamptz_cmp_timestamp(a timestamptz, b timestamp)
returns integer language sql stable strict parallel safe as
    $$ select case when a > b then 1 when a < b then -1 else 0 end $$;
create or replace function pg_catalog.to_timestamp(value text, format text, is_strict boolean)
returns timestamptz language sql stable strict parallel safe as
    $$ select pg_catalog.to_timestamp(value, format) $$;
-- A date or a moment with a zone could be read as text too.
create or replace function pg_catalog.convert_timezone(target text, moment date)
returns timestamp language sql immutable parallel safe as
    $$ select pg_catalog.convert_timezone(target, moment::timestamp) $$;
create or replace function pg_catalog.convert_timezone(source text, target text, moment date)
returns timestamp language sql immutable parallel safe as
    $$ select pg_catalog.convert_timezone(source, target, moment::timestamp) $$;
create or replace function pg_catalog.convert_timezone(source text, target text, moment timestamptz)
returns timestamp language sql stable parallel safe as
    $$ select pg_catalog.convert_timezone(source, target, moment::timestamp) $$;

-- Of times of day: https://docs.aws.amazon.com/redshift/latest/dg/r_DATEADD_function.html and
-- r_DATEDIFF_function.html, whose examples have hours, minutes and seconds.
create or replace function pg_internal.part_of_day(part text) returns text
language plpgsql immutable parallel safe as $$
begin
    if part in ('hour', 'minute', 'second', 'milliseconds', 'microseconds') then
        return part;
    end if;
    raise exception 'The date part % of a TIME is not supported by the local Redshift gateway', part
        using errcode = '0A000';
end $$;
create or replace function pg_catalog.dateadd(part text, amount bigint, moment time) returns time
language sql immutable parallel safe as $$
    select pg_catalog.dateadd(pg_internal.part_of_day(part), amount, date '2000-01-02' + moment)::time
$$;
create or replace function pg_catalog.dateadd(part text, amount bigint, moment timetz) returns timetz
language sql immutable parallel safe as $$
    select moment + (
        pg_catalog.dateadd(pg_internal.part_of_day(part), amount, timestamp '2000-01-02') - timestamp '2000-01-02'
    )
$$;
create or replace function pg_catalog.datediff(part text, a time, b time) returns bigint
language sql immutable parallel safe as $$
    select pg_catalog.datediff(
        pg_internal.part_of_day(part), date '2000-01-02' + a, date '2000-01-02' + b
    )
$$;
create or replace function pg_catalog.datediff(part text, a timetz, b timetz) returns bigint
language sql immutable parallel safe as $$
    select pg_catalog.datediff(
        pg_internal.part_of_day(part),
        (date '2000-01-02' + a) at time zone 'utc', (date '2000-01-02' + b) at time zone 'utc'
    )
$$;
