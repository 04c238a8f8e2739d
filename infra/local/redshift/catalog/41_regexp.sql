-- REGEXP_COUNT, REGEXP_INSTR, REGEXP_REPLACE, REGEXP_SUBSTR with position, occurrence, parameters:
-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_SUBSTR.html and its neighbours. A position
-- before the text is its start. Without `p` (Perl's dialect) a pattern has no `(?…)`; `c` changes
-- nothing here; `e` is for REGEXP_INSTR and REGEXP_SUBSTR only.
drop function if exists pg_internal.regexp_flags(text);
create or replace function pg_internal.regexp_flags(parameters text, pattern text, known text)
returns text language plpgsql immutable strict parallel safe as $$
begin
    if translate(parameters, known, '') <> '' then
        raise exception 'Invalid regular expression parameters "%"', parameters using errcode = '22023';
    end if;
    if position('p' in parameters) = 0 and position('(?' in replace(pattern, '\(', '')) > 0 then
        raise exception 'Invalid preceding regular expression prior to repetition operator.'
            using errcode = '2201B', hint = 'Look-around and other Perl syntax needs the parameter ''p''.';
    end if;
    return translate(parameters, 'ep', '');
end $$;
create or replace function pg_internal.regexp_count(
    value text, pattern text, start integer default 1, parameters text default 'c'
) returns integer language sql immutable strict parallel safe as $$
    select pg_catalog.regexp_count(
        value, pattern, greatest(start, 1), pg_internal.regexp_flags(parameters, pattern, 'cip')
    )
$$;
create or replace function pg_internal.regexp_instr(
    value text, pattern text, start integer default 1, occurrence integer default 1,
    option integer default 0, parameters text default 'c'
) returns integer language sql immutable strict parallel safe as $$
    select pg_catalog.regexp_instr(
        value, pattern, greatest(start, 1), occurrence, option,
        pg_internal.regexp_flags(parameters, pattern, 'ciep'),
        case when position('e' in parameters) > 0 then 1 else 0 end
    )
$$;
create or replace function pg_internal.regexp_substr(
    value text, pattern text, start integer default 1, occurrence integer default 1,
    flags text default 'c'
) returns text language sql immutable strict parallel safe as $$
    select case when occurrence between 1 and greatest(length(value), 1) then
        coalesce(pg_catalog.regexp_substr(
            value, pattern, greatest(start, 1), occurrence, pg_internal.regexp_flags(flags, pattern, 'ciep'),
            case when position('e' in flags) > 0 and pattern ~ '(^|[^\\])\((?!\?)' then 1 else 0 end
        ), '')
    end
$$;
-- In the replacement $1 is a group of the pattern, $0 and $& are all of it; other signs stand for
-- themselves. What \1 means the guide does not say: refused.
create or replace function pg_internal.regexp_replacement(written text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    if written ~ '\\\d' then
        raise exception 'A backslash and a digit in the replacement of REGEXP_REPLACE is not supported by the local Redshift gateway'
            using errcode = '0A000', hint = 'Write $1 for the first group.';
    end if;
    return pg_catalog.regexp_replace(
        pg_catalog.regexp_replace(replace(written, '\', '\\'), '\$([1-9])', '\\\1', 'g'),
        '\$[0&]', '\\&', 'g'
    );
end $$;
drop function if exists pg_internal.regexp_replace(text, text, text);
create or replace function pg_internal.regexp_replace(
    value text, pattern text, replacement text default '', start integer default 1,
    parameters text default 'c'
) returns text language sql immutable strict parallel safe as $$
    select pg_catalog.regexp_replace(
        value, pattern, pg_internal.regexp_replacement(replacement), greatest(start, 1), 0,
        pg_internal.regexp_flags(parameters, pattern, 'cip')
    )
$$;
