-- REGEXP_COUNT, REGEXP_INSTR, REGEXP_REPLACE, REGEXP_SUBSTR with position, occurrence, parameters:
-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_SUBSTR.html and its neighbours. A position
-- before the text is its start; `p` (Perl's dialect) and `c` change nothing here.
create or replace function pg_internal.regexp_flags(parameters text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    if parameters !~ '^[ciep]*$' then
        raise exception 'Invalid regular expression parameters "%"', parameters using errcode = '22023';
    end if;
    return translate(parameters, 'ep', '');
end $$;
create or replace function pg_internal.regexp_count(
    value text, pattern text, start integer default 1, parameters text default 'c'
) returns integer language sql immutable strict parallel safe as $$
    select pg_catalog.regexp_count(
        value, pattern, greatest(start, 1), pg_internal.regexp_flags(parameters)
    )
$$;
create or replace function pg_internal.regexp_instr(
    value text, pattern text, start integer default 1, occurrence integer default 1,
    option integer default 0, parameters text default 'c'
) returns integer language sql immutable strict parallel safe as $$
    select pg_catalog.regexp_instr(
        value, pattern, greatest(start, 1), occurrence, option,
        pg_internal.regexp_flags(parameters), case when position('e' in parameters) > 0 then 1 else 0 end
    )
$$;
create or replace function pg_internal.regexp_substr(
    value text, pattern text, start integer default 1, occurrence integer default 1,
    flags text default 'c'
) returns text language sql immutable strict parallel safe as $$
    select case when occurrence between 1 and greatest(length(value), 1) then
        coalesce(pg_catalog.regexp_substr(
            value, pattern, greatest(start, 1), occurrence, pg_internal.regexp_flags(flags),
            case when position('e' in flags) > 0 and pattern ~ '(^|[^\\])\((?!\?)' then 1 else 0 end
        ), '')
    end
$$;
-- A group of the pattern is $1 in the replacement; a backslash stands for itself.
drop function if exists pg_internal.regexp_replace(text, text, text);
create or replace function pg_internal.regexp_replace(
    value text, pattern text, replacement text default '', start integer default 1,
    parameters text default 'c'
) returns text language sql immutable strict parallel safe as $$
    select pg_catalog.regexp_replace(
        value, pattern,
        pg_catalog.regexp_replace(replace(replacement, '\', '\\'), '\$(\d)', '\\\1', 'g'),
        greatest(start, 1), 0, pg_internal.regexp_flags(parameters)
    )
$$;
