-- Tables, columns and keys as Redshift's catalogs show them: with distribution, order and encodings,
-- and with the keys that are recorded and not enforced. What PostgreSQL needs for its own (zone maps,
-- checks of lengths) is nobody's. What clients read there: `_get_all_constraint_info` of
-- github.com/sqlalchemy-redshift/sqlalchemy-redshift, `get_primary_keys` of
-- github.com/aws/amazon-redshift-python-driver, v_generate_tbl_ddl of
-- github.com/awslabs/amazon-redshift-utils.

-- The numbers are ours: FORMAT_ENCODING is how they are read.
create or replace function pg_internal.encodings() returns text[] language sql immutable parallel safe as $$
    select array[
        'none', 'raw', 'az64', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16', 'mostly32',
        'runlength', 'text255', 'text32k', 'zstd'
    ]
$$;
create or replace function pg_catalog.format_encoding(code integer) returns varchar
language sql immutable strict parallel safe as $$ select (pg_internal.encodings())[code + 1]::varchar $$;

do $do$ begin execute 'create or replace view pg_internal.attributes as select '
    || pg_internal.columns_like('pg_catalog.pg_attribute', 'a',
        '{"attname": "pg_internal.shown(a.attname)", "atthasdef": "a.atthasdef or a.attidentity <> ''''"}')
    || $view$,
    (coalesce(array_position(
        pg_internal.encodings(), t.attributes -> 'encodings' ->> a.attname
    ), 1) - 1)::smallint as attencodingtype,
    coalesce(t.attributes ->> 'distkey' = a.attname, false) as attisdistkey,
    pg_internal.sort_place(t.attributes, a.attname) as attsortkeyord
from pg_catalog.pg_attribute as a
left join pg_internal.table_attributes as t on t.table_id = a.attrelid
union all
select $view$ || pg_internal.columns_like('pg_catalog.pg_attribute', 'a',
        '{"attrelid": "k.key_id", "attname": "pg_internal.shown(a.attname)", "attnum": "p.place"}')
    || $view$, 0::smallint, false, 0
from pg_internal.table_keys as k
cross join lateral unnest(k.places) with ordinality as p (attnum, place)
join pg_catalog.pg_attribute as a on a.attrelid = k.table_id and a.attnum = p.attnum
where k.kind <> 'foreign key'
$view$; end $do$;
select pg_internal.redirect('pg_catalog.pg_attribute', 'select * from pg_internal.attributes');

do $do$ begin execute 'create or replace view pg_internal.classes as select '
    || pg_internal.columns_like('pg_catalog.pg_class', 'c', '{
        "relname": "pg_internal.shown(c.relname)", "relchecks": "0", "relhastriggers": "false",
        "relhasindex": "case when c.oid < 16384 then c.relhasindex else coalesce(t.attributes -> ''keys'' <> ''[]'', false) end"
    }')
    || $view$,
    (case t.attributes ->> 'diststyle' when 'even' then 0 when 'key' then 1 when 'all' then 8 else 9 end)
        ::smallint as reldiststyle,
    -- What PostgreSQL 8 has, and psql reads for it.
    false as relhasoids, 0::smallint as reltriggers,
    coalesce(t.attributes -> 'keys' @> '[{"kind": "primary key"}]', false) as relhaspkey
from pg_catalog.pg_class as c
left join pg_internal.table_attributes as t on t.table_id = c.oid
where (c.relkind <> 'i' or c.oid < 16384)  -- a zone map is nobody's index
    and c.relnamespace <> 'pg_internal'::regnamespace
union all
select $view$ || pg_internal.columns_like('pg_catalog.pg_class', 'c',
        '{"oid": "k.key_id", "relname": "k.name", "relkind": "''i''", "relnatts": "cardinality(k.places)", '
        '"reltype": "0", "relhasindex": "false", "reltuples": "0", "relpages": "0", "relacl": "null"}')
    || $view$, 0::smallint, false, 0::smallint, false
from pg_internal.table_keys as k
join pg_catalog.pg_class as c on c.oid = k.table_id
where k.kind <> 'foreign key'
$view$; end $do$;
select pg_internal.redirect('pg_catalog.pg_class', 'select * from pg_internal.classes');
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_CLASS_INFO.html
create or replace view pg_catalog.pg_class_info as
select
    c.*, null::timestamp as relcreationtime,
    (case c.reldiststyle when 9 then 10 else c.reldiststyle end)::smallint as releffectivediststyle
from pg_internal.classes as c;

do $do$ begin execute 'create or replace view pg_internal.indexes as select '
    || pg_internal.columns_like('pg_catalog.pg_index', 'i', '{}') || $view$
from pg_catalog.pg_index as i where i.indexrelid < 16384
union all
select $view$ || pg_internal.columns_like('pg_catalog.pg_index', 'i', '{
        "indexrelid": "k.key_id", "indrelid": "k.table_id", "indnatts": "cardinality(k.places)",
        "indnkeyatts": "cardinality(k.places)", "indisunique": "true", "indnullsnotdistinct": "false",
        "indisprimary": "k.kind = ''primary key''", "indisexclusion": "false", "indimmediate": "true",
        "indisclustered": "false", "indisvalid": "true", "indcheckxmin": "false", "indisready": "true",
        "indislive": "true", "indisreplident": "false", "indkey": "array_to_string(k.places, '' '')",
        "indcollation": "''''", "indclass": "''''", "indoption": "''''", "indexprs": "null", "indpred": "null"
    }') || $view$
from pg_internal.table_keys as k where k.kind <> 'foreign key'
$view$; end $do$;
select pg_internal.redirect('pg_catalog.pg_index', 'select * from pg_internal.indexes');

-- https://docs.aws.amazon.com/redshift/latest/dg/r_table_constraints.html: which columns are meant
-- when none are named is the guide's "primary key of the referenced table".
create or replace view pg_internal.constraints as
select
    k.key_id as oid, k.name as conname, k.relnamespace as connamespace,
    (case k.kind when 'primary key' then 'p' when 'unique' then 'u' else 'f' end)::"char" as contype,
    false as condeferrable, false as condeferred, k.table_id as conrelid, 0::oid as contypid,
    (case k.kind when 'foreign key' then 0 else k.key_id end)::oid as conindid,
    coalesce(k.referenced, 0)::oid as confrelid,
    (case k.kind when 'foreign key' then 'a' else ' ' end)::"char" as confupdtype,
    (case k.kind when 'foreign key' then 'a' else ' ' end)::"char" as confdeltype,
    (case k.kind when 'foreign key' then 's' else ' ' end)::"char" as confmatchtype,
    k.places as conkey,
    case when k.kind = 'foreign key' then r.places end as confkey,
    null::text as conbin, null::text as consrc
from pg_internal.table_keys as k
left join lateral (
    select case
        when jsonb_array_length(k.referenced_columns) > 0 then array(
            select f.attnum
            from jsonb_array_elements_text(k.referenced_columns) with ordinality as u (name, place)
            join pg_catalog.pg_attribute as f on f.attrelid = k.referenced and f.attname = u.name
            order by u.place
        )
        else (
            select p.places from pg_internal.table_keys as p
            where p.table_id = k.referenced and p.kind = 'primary key' limit 1
        )
    end as places
) as r on k.kind = 'foreign key';
select pg_internal.redirect('pg_catalog.pg_constraint', 'select * from pg_internal.constraints');
create or replace function pg_internal.column_names(table_id oid, places smallint[]) returns text
language sql stable as $$
    select string_agg(quote_ident(pg_internal.shown(f.attname)), ', ' order by u.place)
    from unnest(places) with ordinality as u (attnum, place)
    join pg_catalog.pg_attribute as f on f.attrelid = table_id and f.attnum = u.attnum
$$;
create or replace function pg_internal.pg_get_constraintdef(key oid, pretty boolean default false) returns text
language sql stable as $$
    select case c.contype when 'p' then 'PRIMARY KEY (' when 'u' then 'UNIQUE (' else 'FOREIGN KEY (' end
        || pg_internal.column_names(c.conrelid, c.conkey) || ')'
        || case when c.contype = 'f' then ' REFERENCES ' || coalesce(
            (
                select case when pg_catalog.pg_table_is_visible(r.oid) then '' else
                    quote_ident(pg_internal.schema_of(n.nspname)) || '.' end
                    || quote_ident(pg_internal.shown(r.relname))
                from pg_catalog.pg_class as r
                join pg_catalog.pg_namespace as n on n.oid = r.relnamespace
                where r.oid = c.confrelid
            ), '?'
        ) || coalesce('(' || pg_internal.column_names(c.confrelid, c.confkey) || ')', '') else '' end
    from pg_internal.constraints as c where c.oid = key
$$;
create or replace function pg_internal.pg_get_indexdef(index_id oid, place integer, pretty boolean) returns text
language sql stable as $$
    select coalesce(pg_catalog.pg_get_indexdef(index_id, place, pretty), (
        select case place
            when 0 then format('CREATE UNIQUE INDEX %I ON %s USING btree (%s)', c.conname,
                c.conrelid::regclass, pg_internal.column_names(c.conrelid, c.conkey))
            else pg_internal.column_names(c.conrelid, c.conkey[place:place])
        end
        from pg_internal.constraints as c where c.oid = index_id and c.contype <> 'f'
    ))
$$;
create or replace view pg_internal.indexes_listed as
select
    pg_internal.schema_of(n.nspname) as schemaname, pg_internal.shown(t.relname) as tablename,
    c.relname as indexname, null::name as tablespace,
    pg_internal.pg_get_indexdef(i.indexrelid, 0, false) as indexdef
from pg_internal.indexes as i
join pg_internal.classes as c on c.oid = i.indexrelid
join pg_catalog.pg_class as t on t.oid = i.indrelid
join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
where pg_internal.is_here(n.nspname);
select pg_internal.redirect('pg_catalog.pg_indexes', 'select * from pg_internal.indexes_listed');
create or replace function pg_internal.pg_get_indexdef(index_id oid) returns text
language sql stable as $$ select pg_internal.pg_get_indexdef(index_id, 0, false) $$;
create or replace function pg_internal.pg_get_viewdef(view_id oid, pretty boolean default false) returns text
language sql stable as $$
    select pg_internal.whole_names(coalesce(
        (select d.original from pg_internal.definitions as d where d.view_id = pg_get_viewdef.view_id),
        pg_catalog.pg_get_viewdef(c.oid, pretty)
    ))
    from pg_catalog.pg_class as c where c.oid = view_id and c.relkind = 'v'
$$;

-- Defaults with their text, also where PostgreSQL has its tree, which nobody else can make: an
-- identity column has a default, too. PG_GET_EXPR gives the text back.
create or replace function pg_internal.pg_get_expr(expression text, relation oid) returns text
language sql stable parallel safe as $$ select expression $$;
create or replace function pg_internal.pg_get_expr(expression text, relation oid, pretty boolean) returns text
language sql stable parallel safe as $$ select expression $$;
create or replace function pg_internal.pg_get_expr(expression pg_node_tree, relation oid) returns text
language sql stable parallel safe as $$ select pg_catalog.pg_get_expr(expression, relation) $$;
create or replace function pg_internal.pg_get_expr(expression pg_node_tree, relation oid, pretty boolean)
returns text language sql stable parallel safe as
    $$ select pg_catalog.pg_get_expr(expression, relation, pretty) $$;
create or replace view pg_internal.defaults as
select d.oid, d.adrelid, d.adnum, e.text as adbin, e.text as adsrc
from pg_catalog.pg_attrdef as d
cross join lateral (select pg_catalog.pg_get_expr(d.adbin, d.adrelid) as text) as e
union all
select a.attrelid, a.attrelid, a.attnum, e.text, e.text
from pg_catalog.pg_attribute as a
cross join lateral (select pg_internal.identity_default(a.attrelid, a.attnum) as text) as e
where a.attidentity <> '';
select pg_internal.redirect('pg_catalog.pg_attrdef', 'select * from pg_internal.defaults');

-- Which tables have BACKUP NO, as v_generate_tbl_ddl reads it.
create or replace view pg_catalog.pg_conf as
select
    ('pg_class_backup_' || pg_internal.database_id(pg_internal.current_database()) || '_' || t.table_id)::varchar as key, 'no'::varchar as value
from pg_internal.table_attributes as t
where t.attributes ->> 'backup' = 'false';
