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
