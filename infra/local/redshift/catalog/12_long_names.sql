-- Names of 64 to 127 bytes are stored as their beginning and a digest (translate/long_names.py);
-- here is what they are called. Without a unique index: transactions that make the same name at the
-- same time must not wait for each other.
create table if not exists pg_internal.long_name (stored text not null, whole text not null);
create or replace function pg_internal.remember_names(stored_as text[], called text[]) returns void
language sql security definer as $$
    insert into pg_internal.long_name
    select n.stored, n.whole from unnest(stored_as, called) as n (stored, whole)
    where not exists (select from pg_internal.long_name as known where known.stored = n.stored)
$$;
create or replace function pg_internal.whole_name(stored_as text) returns varchar
language sql stable parallel safe as $$
    select coalesce(
        (select whole from pg_internal.long_name where stored = stored_as limit 1), stored_as
    )::varchar
$$;
-- … and the way back, for names that are known.
create or replace function pg_internal.stored_name(called text) returns varchar
language sql stable parallel safe as $$
    select coalesce(
        (select stored from pg_internal.long_name where whole = called limit 1), called
    )::varchar
$$;
-- … and of one that the catalog makes itself, remembered; the same as translate/long_names.py.
create or replace function pg_internal.stored_form(called text) returns text
language plpgsql as $$
declare
    found text := left(called, 46) || '~' || left(encode(sha256(convert_to(called, 'UTF8')), 'hex'), 16);
begin
    if octet_length(called) <= 63 then
        return called;
    end if;
    if octet_length(found) > 63 then  -- characters of several bytes
        found := pg_internal.cut_bytes(called, 46) || right(found, 17);
    end if;
    perform pg_internal.remember_names(array[found], array[called]);
    return found;
end $$;
-- A name as clients see it; inlined, so that short names cost two comparisons.
create or replace function pg_internal.shown(stored_as text) returns varchar
language sql stable parallel safe as $$
    select case
        when octet_length(stored_as) >= 60 and left(right(stored_as, 17), 1) = '~'
            then pg_internal.whole_name(stored_as)
        else stored_as
    end::varchar
$$;
create or replace function pg_internal.whole_names(definition text) returns text
language plpgsql stable as $$
declare
    found record;
begin
    if position('~' in definition) > 0 then
        for found in select * from pg_internal.long_name where strpos(definition, stored) > 0 loop
            definition := replace(definition, found.stored, found.whole);
        end loop;
    end if;
    if position(e'\x01' in definition) > 0 then  -- schema s of another database d
        definition := replace(definition, '"' || pg_internal.current_database() || e'\x01', '"');
        definition := replace(definition, e'\x01', '"."');
    end if;
    return definition;
end $$;
