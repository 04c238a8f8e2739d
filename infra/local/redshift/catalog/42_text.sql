-- Text functions that PostgreSQL lacks or reads otherwise; each page of the guide is r_<NAME>.
create or replace function pg_internal.split_part(value text, delimiter text, part integer)
returns text language plpgsql immutable strict parallel safe as $$
begin
    if part <= 0 then
        raise exception 'field position must be greater than zero' using errcode = '22023';
    end if;
    return pg_catalog.split_part(value, delimiter, part);
end $$;
create or replace function pg_catalog.replicate(value text, times integer) returns text
language sql immutable strict parallel safe as $$ select repeat(value, times) $$;
create or replace function pg_catalog.octetindex(part text, value text) returns integer
language sql immutable strict parallel safe as $$
    select case position(part in value)
        when 0 then 0
        else octet_length(left(value, position(part in value) - 1)) + 1
    end
$$;
create or replace function pg_catalog.soundex(value text) returns text
language plpgsql immutable strict parallel safe as $$
declare
    letters text := regexp_replace(upper(value), '[^A-Z]', '', 'g');
    codes text;
begin
    if letters = '' then
        return '';
    end if;
    -- H and W do not separate equal codes, vowels do.
    codes := translate(
        regexp_replace(letters, '(?<=.)[HW]', '', 'g'),
        'BFPVCGJKQSXZDTLMNRAEIOUYHW', '11112222222233455600000000'
    );
    codes := regexp_replace(codes, '(.)\1+', '\1', 'g');
    return left(rpad(left(letters, 1) || replace(substr(codes, 2), '0', ''), 4, '0'), 4);
end $$;
create or replace function pg_catalog.difference(a text, b text) returns integer
language sql immutable strict parallel safe as $$
    select count(*)::integer from generate_series(1, 4) as i
    where substr(pg_catalog.soundex(a), i, 1) = substr(pg_catalog.soundex(b), i, 1)
$$;
-- The CRC-32C polynomial, in hexadecimal (crc32-function).
create or replace function pg_internal.crc32(value text) returns text
language sql immutable strict parallel safe as
    $$ select lpad(to_hex(pg_catalog.crc32c(convert_to(value, 'UTF8'))), 8, '0') $$;
create or replace function pg_internal.sha1(message bytea) returns text
language plpgsql immutable strict parallel safe as $$
declare
    mask constant bigint := 4294967295;
    bits bigint := length(message) * 8;
    padded bytea := message || '\x80'::bytea
        || decode(repeat('00', (119 - length(message) % 64) % 64), 'hex')
        || decode(lpad(to_hex(bits), 16, '0'), 'hex');
    h bigint[] := array[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    w bigint[];
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; t bigint;
begin
    for block in 0 .. length(padded) / 64 - 1 loop
        for i in 0 .. 79 loop
            if i < 16 then
                t := (get_byte(padded, block * 64 + i * 4)::bigint << 24)
                    | (get_byte(padded, block * 64 + i * 4 + 1) << 16)
                    | (get_byte(padded, block * 64 + i * 4 + 2) << 8)
                    | get_byte(padded, block * 64 + i * 4 + 3);
            else
                t := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
                t := ((t << 1) | (t >> 31)) & mask;
            end if;
            w[i] := t;
        end loop;
        a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
        for i in 0 .. 79 loop
            if i < 20 then
                f := (b & c) | ((~b & mask) & d); k := 1518500249;
            elsif i < 40 then
                f := b # c # d; k := 1859775393;
            elsif i < 60 then
                f := (b & c) | (b & d) | (c & d); k := 2400959708;
            else
                f := b # c # d; k := 3395469782;
            end if;
            t := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[i]) & mask;
            e := d; d := c; c := ((b << 30) | (b >> 2)) & mask; b := a; a := t;
        end loop;
        h := array[
            (h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask
        ];
    end loop;
    return (select string_agg(lpad(to_hex(part), 8, '0'), '' order by n) from unnest(h) with ordinality as x (part, n));
end $$;
create or replace function pg_catalog.sha1(value text) returns text
language sql immutable strict parallel safe as
    $$ select pg_internal.sha1(convert_to(value, 'UTF8')) $$;
create or replace function pg_catalog.sha(value text) returns text
language sql immutable strict parallel safe as $$ select pg_catalog.sha1(value) $$;
create or replace function pg_catalog.func_sha1(value text) returns text
language sql immutable strict parallel safe as $$ select pg_catalog.sha1(value) $$;

-- FNV-1a over 64 bits, of the value's own bytes (r_FNV_HASH).
create or replace function pg_internal.fnv_hash(message bytea, seed bigint) returns bigint
language plpgsql immutable parallel safe as $$
declare
    size constant numeric := 18446744073709551616;
    hash numeric;
    low bigint;
begin
    if message is null or seed is null then
        return null;
    end if;
    hash := seed;
    for i in 0 .. length(message) - 1 loop
        if hash < 0 then
            hash := hash + size;
        end if;
        low := (hash % 256)::bigint;
        hash := ((hash - low + (low # get_byte(message, i))) * 1099511628211) % size;
    end loop;
    return case when hash >= size / 2 then hash - size else hash end;
end $$;
do $do$
declare
    kind text;
    bytes text;
begin
    for kind, bytes in values
        ('text', 'convert_to(value, ''UTF8'')'),
        ('smallint', 'int2send(value)'), ('integer', 'int4send(value)'), ('bigint', 'int8send(value)')
    loop
        if kind <> 'text' then  -- the network's byte order turned round
            bytes := format(
                '(select decode(string_agg(substr(encode(%1$s, ''hex''), 2 * i - 1, 2), '''' order by i desc), ''hex'') '
                'from generate_series(1, length(%1$s)) as i)', bytes
            );
        end if;
        execute format(
            'create or replace function pg_catalog.fnv_hash(value %s, seed bigint default '
            '-3750763034362895579) returns bigint language sql immutable parallel safe as '
            '$f$ select pg_internal.fnv_hash(%s, seed) $f$', kind, bytes
        );
    end loop;
end $do$;
