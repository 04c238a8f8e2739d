-- Redshift's date functions; intervals count boundaries, not elapsed time.
create or replace function pg_catalog.getdate() returns timestamp language sql stable as
    $$ select date_trunc('second', statement_timestamp()::timestamp) $$;
create or replace function pg_internal.sysdate() returns timestamp language sql stable as
    $$ select transaction_timestamp()::timestamp $$;

create or replace function pg_catalog.dateadd(part text, amount bigint, moment timestamp)
returns timestamp language sql immutable parallel safe as $$
    select moment + case part
        when 'year' then make_interval(years => amount::int)
        when 'quarter' then make_interval(months => 3 * amount::int)
        when 'month' then make_interval(months => amount::int)
        when 'week' then make_interval(weeks => amount::int)
        when 'day' then make_interval(days => amount::int)
        when 'dow' then make_interval(days => amount::int)
        when 'doy' then make_interval(days => amount::int)
        when 'hour' then amount * interval '1 hour'
        when 'minute' then amount * interval '1 minute'
        when 'second' then amount * interval '1 second'
        when 'epoch' then amount * interval '1 second'
        when 'milliseconds' then amount * interval '1 millisecond'
        when 'microseconds' then amount * interval '1 microsecond'
        when 'decade' then make_interval(years => 10 * amount::int)
        when 'century' then make_interval(years => 100 * amount::int)
        when 'millennium' then make_interval(years => 1000 * amount::int)
    end
$$;
create or replace function pg_catalog.dateadd(part text, amount bigint, moment date)
returns timestamp language sql immutable parallel safe as
    $$ select pg_catalog.dateadd(part, amount, moment::timestamp) $$;
create or replace function pg_catalog.dateadd(part text, amount bigint, moment timestamptz)
returns timestamptz language sql stable parallel safe as
    $$ select pg_catalog.dateadd(part, amount, moment::timestamp)::timestamptz $$;
create or replace function pg_catalog.dateadd(part text, amount bigint, moment text)
returns timestamp language sql stable parallel safe as
    $$ select pg_catalog.dateadd(part, amount, moment::timestamp) $$;

create or replace function pg_catalog.datediff(part text, a timestamp, b timestamp)
returns bigint language sql immutable parallel safe as $$
    select case part
        when 'year' then extract(year from b)::bigint - extract(year from a)::bigint
        when 'quarter' then
            (extract(year from b)::bigint * 4 + extract(quarter from b)::bigint)
            - (extract(year from a)::bigint * 4 + extract(quarter from a)::bigint)
        when 'month' then
            (extract(year from b)::bigint * 12 + extract(month from b)::bigint)
            - (extract(year from a)::bigint * 12 + extract(month from a)::bigint)
        when 'week' then  -- weeks begin on Sunday; 1999-12-26 was one
            floor((b::date - date '1999-12-26') / 7.0)::bigint
            - floor((a::date - date '1999-12-26') / 7.0)::bigint
        when 'day' then (b::date - a::date)::bigint
        when 'dow' then (b::date - a::date)::bigint
        when 'doy' then (b::date - a::date)::bigint
        when 'hour' then
            floor(extract(epoch from b) / 3600)::bigint - floor(extract(epoch from a) / 3600)::bigint
        when 'minute' then
            floor(extract(epoch from b) / 60)::bigint - floor(extract(epoch from a) / 60)::bigint
        when 'second' then floor(extract(epoch from b))::bigint - floor(extract(epoch from a))::bigint
        when 'epoch' then floor(extract(epoch from b))::bigint - floor(extract(epoch from a))::bigint
        when 'milliseconds' then
            floor(extract(epoch from b) * 1000)::bigint - floor(extract(epoch from a) * 1000)::bigint
        when 'microseconds' then
            (extract(epoch from b) * 1000000)::bigint - (extract(epoch from a) * 1000000)::bigint
        when 'decade' then extract(decade from b)::bigint - extract(decade from a)::bigint
        when 'century' then extract(century from b)::bigint - extract(century from a)::bigint
        when 'millennium' then extract(millennium from b)::bigint - extract(millennium from a)::bigint
    end
$$;
create or replace function pg_catalog.datediff(part text, a date, b date)
returns bigint language sql immutable parallel safe as
    $$ select pg_catalog.datediff(part, a::timestamp, b::timestamp) $$;
create or replace function pg_catalog.datediff(part text, a timestamptz, b timestamptz)
returns bigint language sql stable parallel safe as
    $$ select pg_catalog.datediff(part, a::timestamp, b::timestamp) $$;
create or replace function pg_catalog.datediff(part text, a text, b text)
returns bigint language sql stable parallel safe as
    $$ select pg_catalog.datediff(part, a::timestamp, b::timestamp) $$;

create or replace function pg_catalog.date_trunc(part text, moment date)
returns timestamp language sql immutable parallel safe as
    $$ select pg_catalog.date_trunc(part, moment::timestamp) $$;
create or replace function pg_catalog.date_trunc(part text, moment text)
returns timestamp language sql stable parallel safe as
    $$ select pg_catalog.date_trunc(part, moment::timestamp) $$;
create or replace function pg_catalog.date_part(part text, moment text)
returns double precision language sql stable parallel safe as
    $$ select pg_catalog.date_part(part, moment::timestamp) $$;

create or replace function pg_catalog.trunc(moment timestamp) returns date
language sql immutable parallel safe as $$ select moment::date $$;
create or replace function pg_catalog.last_day(moment timestamp) returns date
language sql immutable parallel safe as
    $$ select (date_trunc('month', moment) + interval '1 month - 1 day')::date $$;
create or replace function pg_catalog.add_months(moment timestamp, amount bigint) returns timestamp
language sql immutable parallel safe as $$
    select case
        when moment::date = pg_catalog.last_day(moment)
            then pg_catalog.last_day(moment + make_interval(months => amount::int)) + moment::time
        else moment + make_interval(months => amount::int)
    end
$$;
create or replace function pg_catalog.months_between(a timestamp, b timestamp)
returns double precision language sql immutable parallel safe as $$
    select case
        when extract(day from a) = extract(day from b)
            or (a::date = pg_catalog.last_day(a) and b::date = pg_catalog.last_day(b))
            then pg_catalog.datediff('month', b, a)::double precision
        else pg_catalog.datediff('month', b, a) + (
            extract(day from a) - extract(day from b)
            + extract(epoch from a::time - b::time) / 86400
        )::double precision / 31
    end
$$;
create or replace function pg_catalog.next_day(moment timestamp, day text) returns date
language sql immutable parallel safe as $$
    select moment::date + case
        when wanted.dow > extract(dow from moment) then wanted.dow - extract(dow from moment)::int
        else wanted.dow - extract(dow from moment)::int + 7
    end
    from (
        select (position(lower(left(day, 3)) in 'sunmontuewedthufrisat') - 1) / 3 as dow
    ) as wanted
$$;
create or replace function pg_catalog.date_part_year(moment date) returns integer
language sql immutable parallel safe as $$ select extract(year from moment)::int $$;

create or replace function pg_catalog.convert_timezone(target text, moment timestamp)
returns timestamp language sql immutable parallel safe as
    $$ select (moment at time zone 'UTC') at time zone target $$;
create or replace function pg_catalog.convert_timezone(target text, moment timestamptz)
returns timestamp language sql immutable parallel safe as $$ select moment at time zone target $$;
create or replace function pg_catalog.convert_timezone(target text, moment text)
returns timestamp language sql stable parallel safe as
    $$ select (moment::timestamp at time zone 'UTC') at time zone target $$;
create or replace function pg_catalog.convert_timezone(source text, target text, moment timestamp)
returns timestamp language sql immutable parallel safe as
    $$ select (moment at time zone source) at time zone target $$;
create or replace function pg_catalog.convert_timezone(source text, target text, moment text)
returns timestamp language sql stable parallel safe as
    $$ select (moment::timestamp at time zone source) at time zone target $$;
