-- Functions on JSON text and on SUPER; the pages of the guide have their names.
create or replace function pg_catalog.json_parse(value text) returns super
language plpgsql immutable strict parallel safe as $$
begin
    return pg_internal.super_compact(value::json);
exception when invalid_text_representation then
    raise exception 'The input is not valid JSON' using errcode = '22P02', detail = left(value, 100);
end $$;
create or replace function pg_catalog.can_json_parse(value text) returns boolean
language sql immutable strict parallel safe as $$ select value is json $$;
create or replace function pg_internal.json_serialize(value super) returns varchar
language sql immutable strict parallel safe as $$ select pg_internal.json_text(value) $$;
create or replace function pg_catalog.json_size(value super) returns integer
language sql immutable strict parallel safe as $$ select octet_length(pg_internal.json_text(value)) $$;
create or replace function pg_catalog.is_valid_json(value text) returns boolean
language sql immutable strict parallel safe as $$ select value is json object or value is json array $$;
create or replace function pg_catalog.is_valid_json_array(value text) returns boolean
language sql immutable strict parallel safe as $$ select value is json array $$;
create or replace function pg_internal.json_array_length(value text, null_if_invalid boolean default false)
returns integer language plpgsql immutable parallel safe as $$
begin
    if null_if_invalid and not value is json array then
        return null;
    end if;
    return pg_catalog.json_array_length(value::json);
end $$;
create or replace function pg_catalog.json_extract_array_element_text(
    value text, place integer, null_if_invalid boolean default false
) returns text language plpgsql immutable strict parallel safe as $$
begin
    if null_if_invalid and not value is json array then
        return null;
    elsif not value is json array then
        raise exception 'Invalid JSON array object %', value using errcode = '22P02';
    end if;
    return case when place >= 0 then value::json ->> place end;
end $$;
drop function if exists pg_internal.json_extract_path_text(text, text[]);
create or replace function pg_internal.json_path_text(value text, path text[], null_if_invalid boolean)
returns text language plpgsql immutable parallel safe as $$
begin
    if null_if_invalid and not value is json then
        return null;
    end if;
    return case when value is not null then coalesce(value::json #>> path, '') end;
end $$;

create or replace function pg_catalog.is_array(value super) returns boolean
language sql immutable parallel safe as $$ select coalesce(json_typeof(value) = 'array', false) $$;
create or replace function pg_catalog.is_object(value super) returns boolean
language sql immutable parallel safe as $$ select coalesce(json_typeof(value) = 'object', false) $$;
create or replace function pg_catalog.is_scalar(value super) returns boolean
language sql immutable parallel safe as
    $$ select coalesce(json_typeof(value) in ('string', 'number', 'boolean'), false) $$;
create or replace function pg_catalog.is_varchar(value super) returns boolean
language sql immutable parallel safe as $$ select coalesce(json_typeof(value) = 'string', false) $$;
create or replace function pg_catalog.is_boolean(value super) returns boolean
language sql immutable parallel safe as $$ select coalesce(json_typeof(value) = 'boolean', false) $$;
create or replace function pg_internal.is_whole(value super, largest numeric) returns boolean
language sql immutable parallel safe as $$
    select coalesce(
        json_typeof(value) = 'number' and value #>> '{}' ~ '^-?\d+$'
        and (value #>> '{}')::numeric between -largest - 1 and largest, false
    )
$$;
create or replace function pg_catalog.is_smallint(value super) returns boolean
language sql immutable parallel safe as $$ select pg_internal.is_whole(value, 32767) $$;
create or replace function pg_catalog.is_integer(value super) returns boolean
language sql immutable parallel safe as $$ select pg_internal.is_whole(value, 2147483647) $$;
create or replace function pg_catalog.is_bigint(value super) returns boolean
language sql immutable parallel safe as $$ select pg_internal.is_whole(value, 9223372036854775807) $$;
create or replace function pg_catalog.get_array_length(value super) returns bigint
language sql immutable strict parallel safe as $$
    select case when json_typeof(value) = 'array' then pg_catalog.json_array_length(value)::bigint end
$$;
create or replace function pg_catalog.split_to_array(value text, delimiter text default ',') returns super
language sql immutable strict parallel safe as
    $$ select pg_internal.super_compact(to_json(string_to_array(value, delimiter))) $$;
create or replace function pg_internal.super_joined(items json) returns super
language sql immutable strict parallel safe as
    $$ select pg_internal.super_compact(coalesce(items, '[]')) $$;
create or replace function pg_catalog.array_concat(a super, b super) returns super
language sql immutable strict parallel safe as $$
    select case when json_typeof(a) = 'array' and json_typeof(b) = 'array' then
        pg_internal.super_joined((
            select json_agg(e.item order by e.part, e.n) from (
                select 1 as part, x.n, x.item from json_array_elements(a) with ordinality as x (item, n)
                union all
                select 2, y.n, y.item from json_array_elements(b) with ordinality as y (item, n)
            ) as e
        ))
    end
$$;
create or replace function pg_catalog.subarray(value super, start integer, size integer) returns super
language sql immutable strict parallel safe as $$
    select case when json_typeof(value) = 'array' then
        pg_internal.super_compact(coalesce((
            select json_agg(x.item order by x.n) from json_array_elements(value) with ordinality as x (item, n)
            where x.n > start and x.n <= start + size
        ), '[]'))
    end
$$;
create or replace function pg_catalog.array_flatten(value super) returns super
language sql immutable strict parallel safe as $$
    select case when json_typeof(value) = 'array' then
        pg_internal.super_compact(coalesce((
            select json_agg(y.item order by x.n, y.m)
            from json_array_elements(value) with ordinality as x (item, n),
                lateral json_array_elements(
                    case json_typeof(x.item) when 'array' then x.item else json_build_array(x.item) end
                ) with ordinality as y (item, m)
        ), '[]'))
    end
$$;
