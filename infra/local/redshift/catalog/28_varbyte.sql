-- VARBYTE: bytes, kept and shown as hexadecimal digits.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html and varbyte-functions.html. Its
-- oid is Redshift's (utils/oids.py, github.com/aws/amazon-redshift-python-driver). A literal is read
-- by nobody: a text becomes bytes by a cast, which the translation writes.
do $do$
declare
    name text;
    implemented text;
begin
    if to_regtype('pg_catalog.varbyte') is not null then
        return;
    end if;
    create type pg_catalog.varbyte;
    update pg_catalog.pg_type set oid = 6551 where typname = 'varbyte' and typnamespace = 'pg_catalog'::regnamespace;
    create function pg_internal.varbyte_in(cstring) returns pg_catalog.varbyte
        language internal immutable strict parallel safe as 'pg_node_tree_in';
    create function pg_internal.varbyte_out(pg_catalog.varbyte) returns cstring
        language internal immutable strict parallel safe as 'textout';
    create type pg_catalog.varbyte (
        input = pg_internal.varbyte_in, output = pg_internal.varbyte_out,
        typmod_in = varchartypmodin, typmod_out = varchartypmodout, like = text, category = 'U',
        preferred = false, collatable = false
    );
    -- btrim1 takes blanks off, of which hexadecimal digits have none.
    create function pg_internal.varbyte_digits(varbyte) returns text
        language internal immutable strict parallel safe as 'btrim1';
    create function pg_internal.digits_varbyte(text) returns varbyte
        language internal immutable strict parallel safe as 'btrim1';
    for name, implemented in values
        ('<', 'bytealt'), ('<=', 'byteale'), ('=', 'byteaeq'), ('>=', 'byteage'), ('>', 'byteagt'), ('<>', 'byteane')
    loop
        execute format(
            'create function pg_internal.%1$I(varbyte, varbyte) returns boolean language internal immutable '
            'strict parallel safe as %2$L', 'varbyte ' || name, implemented
        );
    end loop;
    create function pg_internal.varbyte_cmp(varbyte, varbyte) returns integer
        language internal immutable strict parallel safe as 'byteacmp';
    create function pg_internal.varbyte_hash(varbyte) returns integer
        language internal immutable strict parallel safe as 'hashvarlena';
    create function pg_internal.varbyte_hash(varbyte, bigint) returns bigint
        language internal immutable strict parallel safe as 'hashvarlenaextended';
    create operator pg_catalog.< (leftarg = varbyte, rightarg = varbyte, function = pg_internal."varbyte <",
        commutator = operator(pg_catalog.>), negator = operator(pg_catalog.>=), restrict = scalarltsel, join = scalarltjoinsel);
    create operator pg_catalog.<= (leftarg = varbyte, rightarg = varbyte, function = pg_internal."varbyte <=",
        commutator = operator(pg_catalog.>=), negator = operator(pg_catalog.>), restrict = scalarlesel, join = scalarlejoinsel);
    create operator pg_catalog.> (leftarg = varbyte, rightarg = varbyte, function = pg_internal."varbyte >",
        commutator = operator(pg_catalog.<), negator = operator(pg_catalog.<=), restrict = scalargtsel, join = scalargtjoinsel);
    create operator pg_catalog.>= (leftarg = varbyte, rightarg = varbyte, function = pg_internal."varbyte >=",
        commutator = operator(pg_catalog.<=), negator = operator(pg_catalog.<), restrict = scalargesel, join = scalargejoinsel);
    create operator pg_catalog.= (leftarg = varbyte, rightarg = varbyte, function = pg_internal."varbyte =",
        commutator = operator(pg_catalog.=), negator = operator(pg_catalog.<>), restrict = eqsel, join = eqjoinsel, hashes, merges);
    create operator pg_catalog.<> (leftarg = varbyte, rightarg = varbyte, function = pg_internal."varbyte <>",
        commutator = operator(pg_catalog.<>), negator = operator(pg_catalog.=), restrict = neqsel, join = neqjoinsel);
    create operator class pg_internal.varbyte_ops default for type varbyte using btree as
        operator 1 pg_catalog.<, operator 2 pg_catalog.<=, operator 3 pg_catalog.=,
        operator 4 pg_catalog.>=, operator 5 pg_catalog.>, function 1 pg_internal.varbyte_cmp(varbyte, varbyte);
    create operator class pg_internal.varbyte_hash_ops default for type varbyte using hash as
        operator 1 pg_catalog.=, function 1 pg_internal.varbyte_hash(varbyte),
        function 2 pg_internal.varbyte_hash(varbyte, bigint);
    create function pg_internal.varbyte_larger(varbyte, varbyte) returns varbyte
        language sql immutable strict parallel safe as 'select case when $1 > $2 then $1 else $2 end';
    create function pg_internal.varbyte_smaller(varbyte, varbyte) returns varbyte
        language sql immutable strict parallel safe as 'select case when $1 < $2 then $1 else $2 end';
    create aggregate pg_catalog.max (varbyte) (
        sfunc = pg_internal.varbyte_larger, stype = varbyte, sortop = operator(pg_catalog.>), parallel = safe,
        combinefunc = pg_internal.varbyte_larger
    );
    create aggregate pg_catalog.min (varbyte) (
        sfunc = pg_internal.varbyte_smaller, stype = varbyte, sortop = operator(pg_catalog.<), parallel = safe,
        combinefunc = pg_internal.varbyte_smaller
    );
end $do$;

create or replace function pg_internal.varbyte_bytes(value varbyte) returns bytea
language sql immutable strict parallel safe as $$ select decode(pg_internal.varbyte_digits(value), 'hex') $$;
create or replace function pg_internal.to_varbyte(value bytea) returns varbyte
language sql immutable strict parallel safe as $$ select pg_internal.digits_varbyte(encode(value, 'hex')) $$;

-- A format's name, or an error.
create or replace function pg_internal.varbyte_format(format text) returns text
language plpgsql immutable strict parallel safe as $$
begin
    case lower(format)
        when 'hex', 'binary', 'base64' then return lower(format);
        when 'utf8', 'utf-8', 'utf_8' then return 'utf8';
        else
            raise exception 'invalid format of VARBYTE: %', format
                using errcode = '22023', hint = 'There are hex, binary, utf8 and base64.';
    end case;
end $$;
create or replace function pg_catalog.to_varbyte(value text, format text) returns varbyte
language plpgsql immutable strict parallel safe as $$
begin
    case pg_internal.varbyte_format(format)
        when 'hex' then
            return pg_internal.to_varbyte(decode(repeat('0', length(value) % 2) || value, 'hex'));
        when 'binary' then
            if value !~ '^([01]{8})*$' then
                raise exception 'TO_VARBYTE of binary digits that are no whole bytes is not supported by the local Redshift gateway'
                    using errcode = '0A000';
            end if;
            return pg_internal.digits_varbyte(coalesce((
                select string_agg(lpad(to_hex(substring(value, 8 * n + 1, 8)::bit(8)::integer), 2, '0'), '' order by n)
                from generate_series(0, length(value) / 8 - 1) as n
            ), ''));
        when 'base64' then
            return pg_internal.to_varbyte(decode(value, 'base64'));
        else
            return pg_internal.to_varbyte(convert_to(value, 'UTF8'));
    end case;
end $$;
create or replace function pg_catalog.from_varbyte(value varbyte, format text) returns varchar
language plpgsql immutable strict parallel safe as $$
begin
    case pg_internal.varbyte_format(format)
        when 'hex' then
            return pg_internal.varbyte_digits(value);
        when 'binary' then
            return coalesce((
                select string_agg(get_byte(b.bytes, n)::bit(8)::text, '' order by n)
                from (select pg_internal.varbyte_bytes(value) as bytes) as b,
                    generate_series(0, pg_catalog.length(b.bytes) - 1) as n
            ), '');
        when 'base64' then
            return translate(encode(pg_internal.varbyte_bytes(value), 'base64'), e'\n', '');
        else
            return convert_from(pg_internal.varbyte_bytes(value), 'UTF8');
    end case;
end $$;
create or replace function pg_catalog.from_varbyte(value text, format text) returns varchar
language sql immutable strict parallel safe as
    $$ select pg_catalog.from_varbyte(pg_catalog.to_varbyte(value, 'utf8'), format) $$;
create or replace function pg_catalog.from_hex(value text) returns varbyte
language sql immutable strict parallel safe as $$ select pg_catalog.to_varbyte(value, 'hex') $$;
create or replace function pg_catalog.to_hex(value varbyte) returns varchar
language sql immutable strict parallel safe as $$ select pg_internal.varbyte_digits(value)::varchar $$;
create or replace function pg_catalog.octet_length(value varbyte) returns integer
language sql immutable strict parallel safe as $$ select octet_length(pg_internal.varbyte_digits(value)) / 2 $$;
create or replace function pg_catalog.length(value varbyte) returns integer
language sql immutable strict parallel safe as $$ select octet_length(pg_internal.varbyte_digits(value)) / 2 $$;
create or replace function pg_catalog.len(value varbyte) returns integer
language sql immutable strict parallel safe as $$ select octet_length(pg_internal.varbyte_digits(value)) / 2 $$;
create or replace function pg_catalog.getbit(value varbyte, place integer) returns integer
language plpgsql immutable strict parallel safe as $$
declare
    bytes bytea := pg_internal.varbyte_bytes(value);
begin
    if place < 0 or place >= 8 * pg_catalog.length(bytes) then
        raise exception 'GETBIT: index % is outside of the value', place using errcode = '22023';
    end if;
    return get_byte(bytes, pg_catalog.length(bytes) - 1 - place / 8) >> (place % 8) & 1;
end $$;
do $do$
declare
    name text;
begin
    foreach name in array array['substring', 'substr'] loop
        execute format(
            'create or replace function pg_catalog.%I(value varbyte, first integer) returns varbyte '
            'language sql immutable strict parallel safe as '
            '$f$ select pg_internal.to_varbyte(substring(pg_internal.varbyte_bytes(value), first)) $f$', name
        );
        execute format(
            'create or replace function pg_catalog.%I(value varbyte, first integer, size integer) returns varbyte '
            'language sql immutable strict parallel safe as '
            '$f$ select pg_internal.to_varbyte(substring(pg_internal.varbyte_bytes(value), first, size)) $f$', name
        );
    end loop;
end $do$;
create or replace function pg_internal.varbyte_concat(varbyte, varbyte) returns varbyte
language sql immutable strict parallel safe as
    $$ select pg_internal.digits_varbyte(pg_internal.varbyte_digits($1) || pg_internal.varbyte_digits($2)) $$;
create or replace function pg_internal.concat(a varbyte, b varbyte) returns varbyte
language sql immutable strict parallel safe as $$ select pg_internal.varbyte_concat(a, b) $$;
create or replace function pg_internal.varbyte_not(value varbyte) returns varbyte
language sql immutable strict parallel safe as
    $$ select pg_internal.digits_varbyte(translate(pg_internal.varbyte_digits(value), '0123456789abcdef', 'fedcba9876543210')) $$;
-- & and | of values of one length; that of others is not told.
create or replace function pg_internal.varbyte_bits(a varbyte, b varbyte, conjunction boolean) returns varbyte
language plpgsql immutable strict parallel safe as $$
declare
    result bytea := pg_internal.varbyte_bytes(a);
    other bytea := pg_internal.varbyte_bytes(b);
begin
    if pg_catalog.length(result) <> pg_catalog.length(other) then
        raise exception 'Bitwise operators on VARBYTE values of different lengths are not supported by the local Redshift gateway'
            using errcode = '0A000';
    end if;
    for n in 0 .. pg_catalog.length(result) - 1 loop
        result := set_byte(
            result, n,
            case when conjunction then get_byte(result, n) & get_byte(other, n) else get_byte(result, n) | get_byte(other, n) end
        );
    end loop;
    return pg_internal.to_varbyte(result);
end $$;
create or replace function pg_internal.varbyte_and(varbyte, varbyte) returns varbyte
language sql immutable strict parallel safe as $$ select pg_internal.varbyte_bits($1, $2, true) $$;
create or replace function pg_internal.varbyte_or(varbyte, varbyte) returns varbyte
language sql immutable strict parallel safe as $$ select pg_internal.varbyte_bits($1, $2, false) $$;
-- What a column cannot hold is an error.
create or replace function pg_internal.varbyte_sized(value varbyte, modifier integer, written boolean)
returns varbyte language plpgsql immutable strict parallel safe as $$
begin
    if modifier > 4 and pg_catalog.length(value) > modifier - 4 then
        raise exception 'value too long for type binary varying(%)', modifier - 4 using errcode = '22001';
    end if;
    return value;
end $$;
do $do$
declare
    kind text;
    expression text;
begin
    if to_regoperator('pg_catalog.||(varbyte, varbyte)') is not null then
        return;
    end if;
    create operator pg_catalog.|| (leftarg = varbyte, rightarg = varbyte, function = pg_internal.varbyte_concat);
    create operator pg_catalog.+ (leftarg = varbyte, rightarg = varbyte, function = pg_internal.varbyte_concat);
    create operator pg_catalog.~ (rightarg = varbyte, function = pg_internal.varbyte_not);
    create operator pg_catalog.& (leftarg = varbyte, rightarg = varbyte, function = pg_internal.varbyte_and);
    create operator pg_catalog.| (leftarg = varbyte, rightarg = varbyte, function = pg_internal.varbyte_or);
    create cast (varbyte as varbyte) with function pg_internal.varbyte_sized(varbyte, integer, boolean) as implicit;
    for kind, expression in values
        ('text', 'pg_catalog.to_varbyte($1, ''utf8'')'), ('varchar', 'pg_catalog.to_varbyte($1, ''utf8'')'),
        ('bpchar', 'pg_catalog.to_varbyte(rpad('''' || $1, pg_catalog.octet_length($1)), ''utf8'')'),
        ('int2', 'pg_internal.to_varbyte(int2send($1))'), ('int4', 'pg_internal.to_varbyte(int4send($1))'),
        ('int8', 'pg_internal.to_varbyte(int8send($1))')
    loop
        execute format(
            'create function pg_internal.varbyte_of(%1$s) returns varbyte language sql immutable strict '
            'parallel safe as $f$ select %2$s $f$; '
            'create cast (%1$s as varbyte) with function pg_internal.varbyte_of(%1$s)', kind, expression
        );
        continue when kind like 'int_';
        execute format(
            'create function pg_internal.varbyte_as_%1$s(varbyte) returns %1$s language sql immutable strict '
            'parallel safe as $f$ select pg_catalog.from_varbyte($1, ''utf8'')::%1$s $f$; '
            'create cast (varbyte as %1$s) with function pg_internal.varbyte_as_%1$s(varbyte)', kind
        );
    end loop;
end $do$;
