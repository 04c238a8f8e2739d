-- Redshift's system views that dbt, the Airflow provider and data engineers read.
create or replace function pg_internal.type_name(type_id oid, modifier integer) returns text
language sql stable as $$
    select case
        when type_id = 'text'::regtype then 'character varying(65535)'
        when type_id = 'varchar'::regtype and modifier < 0 then 'character varying(65535)'
        when type_id = 'varbyte'::regtype
            then 'binary varying(' || case when modifier < 0 then 64000 else modifier - 4 end || ')'
        else format_type(type_id, modifier)
    end
$$;

-- A column's place in the sort key; in an interleaved one the sign alternates:
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html
create or replace function pg_internal.sort_place(attributes jsonb, name text) returns integer
language sql immutable parallel safe as $$
    select p.place * case when attributes ->> 'sort_style' = 'interleaved' and p.place % 2 = 1 then -1 else 1 end
    from (
        select coalesce(array_position(
            array(select jsonb_array_elements_text(attributes -> 'sortkey')), name
        ), 0) as place
    ) as p
$$;

create or replace view pg_catalog.pg_table_def as
select
    pg_internal.schema_of(n.nspname) as schemaname,
    pg_internal.shown(c.relname) as tablename,
    pg_internal.shown(a.attname) as "column",
    pg_internal.type_name(a.atttypid, a.atttypmod) as type,
    coalesce(t.attributes -> 'encodings' ->> a.attname, 'none')::varchar as encoding,
    coalesce(t.attributes ->> 'distkey' = a.attname, false) as distkey,
    pg_internal.sort_place(t.attributes, a.attname) as sortkey,
    a.attnotnull as "notnull"
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_internal.table_attributes as t on t.table_id = c.oid
where c.relkind = 'r' and pg_catalog.pg_table_is_visible(c.oid);

create or replace function pg_internal.dist_style(attributes jsonb) returns text
language sql stable parallel safe as $$
    select case
        when attributes ->> 'diststyle' = 'key'
            then 'KEY(' || pg_internal.shown(attributes ->> 'distkey') || ')'
        when attributes ->> 'diststyle' in ('even', 'all') then upper(attributes ->> 'diststyle')
        else 'AUTO(ALL)'
    end
$$;
create or replace view pg_catalog.svv_table_info as
select
    pg_internal.current_database()::text as database,
    pg_internal.schema_of(n.nspname)::text as schema,
    c.oid as table_id,
    pg_internal.shown(coalesce(pg_internal.name_of_rows(c.oid), c.relname))::text as "table",
    case when coalesce(t.attributes -> 'encodings', '{}') <> '{}' then 'Y' else 'Y, AUTO(ENCODE)' end
        ::text as encoded,
    pg_internal.dist_style(t.attributes) as diststyle,
    case
        when t.attributes ->> 'sort_style' = 'interleaved' then 'INTERLEAVED'
        when t.attributes ->> 'sort_style' = 'none' then null
        else coalesce(pg_internal.shown(t.attributes -> 'sortkey' ->> 0), 'AUTO(SORTKEY)')
    end::text as sortkey1,
    (
        select max(a.atttypmod - 4) from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.atttypid = 'varchar'::regtype and a.atttypmod > 4
    )::integer as max_varchar,
    null::text as sortkey1_enc,
    coalesce(jsonb_array_length(t.attributes -> 'sortkey'), 0)::integer as sortkey_num,
    ceil(pg_catalog.pg_total_relation_size(c.oid) / 1048576.0)::bigint as size,
    0.0001::numeric(10, 4) as pct_used,
    0::bigint as empty,
    null::numeric(5, 2) as unsorted,
    0::numeric(5, 2) as stats_off,
    greatest(c.reltuples::numeric, pg_catalog.pg_stat_get_live_tuples(c.oid)::numeric, 0) as tbl_rows,
    null::numeric(19, 2) as skew_sortkey1,
    null::numeric(19, 2) as skew_rows,
    greatest(c.reltuples::numeric, pg_catalog.pg_stat_get_live_tuples(c.oid)::numeric, 0)
        as estimated_visible_rows,
    null::text as risk_event,
    null::numeric(12, 2) as vacuum_sort_benefit
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_internal.table_attributes as t on t.table_id = c.oid
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal', 'pg_toast')
    and pg_internal.is_here(n.nspname) and c.relpersistence <> 't';

-- The default of an identity column; NULL for every other column.
create or replace function pg_internal.identity_default(table_id oid, place smallint) returns text
language sql stable as $$
    select case a.attidentity when 'a' then '"identity"(' else 'default_identity(' end
        || table_id || ', ' || place - 1 || ', ''' || s.seqstart || ',' || s.seqincrement || '''::text)'
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_depend as o
        on o.refobjid = a.attrelid and o.refobjsubid = a.attnum and o.deptype = 'i'
        and o.refclassid = 'pg_catalog.pg_class'::regclass and o.classid = 'pg_catalog.pg_class'::regclass
    join pg_catalog.pg_sequence as s on s.seqrelid = o.objid
    where a.attrelid = table_id and a.attnum = place and a.attidentity <> ''
$$;
create or replace view pg_internal.bound_columns as
select
    pg_internal.database_of(n.nspname) as database_name,
    pg_internal.schema_of(n.nspname) as schema_name,
    pg_internal.shown(c.relname) as table_name,
    pg_internal.shown(a.attname) as column_name,
    a.attnum::integer as ordinal_position,
    pg_internal.type_name(a.atttypid, a.atttypmod)::varchar as data_type,
    coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_internal.identity_default(a.attrelid, a.attnum))
        ::varchar as column_default,
    (case when a.attnotnull then 'NO' else 'YES' end)::varchar as is_nullable,
    coalesce(t.attributes -> 'encodings' ->> a.attname, '')::varchar as encoding,
    coalesce(t.attributes ->> 'distkey' = a.attname, false) as distkey,
    pg_internal.sort_place(t.attributes, a.attname) as sortkey,
    ''::varchar as column_acl,
    pg_catalog.col_description(c.oid, a.attnum)::varchar as remarks
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
left join pg_internal.table_attributes as t on t.table_id = c.oid
where c.relkind in ('r', 'v') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal', 'pg_toast')
    and c.relpersistence <> 't';

create or replace view pg_catalog.svv_redshift_columns as select * from pg_internal.bound_columns;
-- Read like a late-binding view itself: the gateway puts the columns of those views in.
insert into pg_internal.late_binding_view values (
    'pg_catalog.svv_redshift_columns'::regclass,
    $$
    select * from pg_internal.bound_columns
    union all
    select
        pg_internal.database_of(s), pg_internal.schema_of(s), v, n, i, t,
        null::varchar, 'YES'::varchar, ''::varchar, false, 0, ''::varchar, null::varchar
    from pg_internal.late_binding_columns() as c(s varchar, v varchar, n varchar, t varchar, i integer)
    $$,
    ''
)
on conflict (view_id) do update set definition = excluded.definition;

-- The same with the length apart from the type.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_COLUMNS.html
create or replace function pg_internal.taken_apart(
    columns pg_internal.bound_columns,
    out database_name varchar, out schema_name varchar, out table_name varchar, out column_name varchar,
    out ordinal_position integer, out column_default varchar, out is_nullable varchar,
    out data_type varchar, out character_maximum_length integer, out numeric_precision integer,
    out numeric_scale integer, out remarks varchar
) language sql stable as $$
    select
        columns.database_name, columns.schema_name, columns.table_name, columns.column_name,
        columns.ordinal_position, columns.column_default, columns.is_nullable,
        regexp_replace(columns.data_type, '\(.*\)', '')::varchar,
        case when columns.data_type like 'character%'
            then substring(columns.data_type from '\((\d+)')::integer end,
        case
            when columns.data_type like 'numeric%' then substring(columns.data_type from '\((\d+)')::integer
            else (array[16, 32, 64])[array_position(array['smallint', 'integer', 'bigint'], columns.data_type::text)]
        end,
        case
            when columns.data_type like 'numeric%' then substring(columns.data_type from ',(\d+)')::integer
            when columns.data_type in ('smallint', 'integer', 'bigint') then 0
        end,
        columns.remarks
$$;
create or replace view pg_catalog.svv_all_columns as
select t.* from pg_internal.bound_columns as c cross join lateral pg_internal.taken_apart(c) as t;
insert into pg_internal.late_binding_view values (
    'pg_catalog.svv_all_columns'::regclass,
    'select t.* from (' || (
        select definition from pg_internal.late_binding_view
        where view_id = 'pg_catalog.svv_redshift_columns'::regclass
    ) || ') as c cross join lateral pg_internal.taken_apart(row(c.*)::pg_internal.bound_columns) as t',
    ''
)
on conflict (view_id) do update set definition = excluded.definition;

-- A column of PostgreSQL's type text, as expressions have it, is a VARCHAR of the greatest length.
create or replace view pg_internal.columns_and_places as
select
    pg_internal.current_database() as table_catalog, pg_internal.schema_of(table_schema) as table_schema,
    pg_internal.shown(table_name) as table_name, pg_internal.shown(column_name) as column_name,
    ordinal_position::integer, column_default::varchar, is_nullable::varchar,
    (case
        when domain_name = 'super' then 'super' when data_type = 'text' then 'character varying'
        when udt_name = 'varbyte' then 'binary varying' else data_type
    end)::varchar as data_type,
    case
        when data_type in ('text', 'character varying') then coalesce(character_maximum_length, 65535)
        else character_maximum_length
    end::integer as character_maximum_length,
    character_octet_length::integer, numeric_precision::integer,
    numeric_precision_radix::integer, numeric_scale::integer, datetime_precision::integer,
    udt_name::varchar, pg_catalog.quote_ident(table_schema) || '.' || pg_catalog.quote_ident(table_name) as stored_in
from information_schema.columns
where table_schema <> 'pg_internal' and pg_internal.is_here(table_schema);
create or replace view pg_internal.columns as
select
    table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
    data_type, character_maximum_length, character_octet_length, numeric_precision,
    numeric_precision_radix, numeric_scale, datetime_precision, udt_name
from pg_internal.columns_and_places;

create or replace view pg_catalog.svv_columns as
select
    table_catalog::varchar, table_schema::varchar, table_name::varchar, column_name::varchar,
    ordinal_position::integer, column_default::varchar, is_nullable::varchar, data_type::varchar,
    character_maximum_length::integer, numeric_precision::integer,
    numeric_precision_radix::integer, numeric_scale::integer, datetime_precision::integer,
    null::varchar as interval_type, null::varchar as interval_precision,
    null::varchar as character_set_catalog, null::varchar as character_set_schema,
    null::varchar as character_set_name, null::varchar as collation_catalog,
    null::varchar as collation_schema, null::varchar as collation_name,
    null::varchar as domain_name,
    pg_catalog.col_description(
        pg_catalog.to_regclass(stored_in), ordinal_position::integer
    )::varchar as remarks
from pg_internal.columns_and_places;

create or replace view pg_internal.tables as
select
    pg_internal.database_of(table_schema) as database_name, table_schema::name as namespace,
    pg_internal.schema_of(table_schema) as schema_name, pg_internal.shown(table_name) as table_name,
    (case table_type when 'LOCAL TEMPORARY' then 'BASE TABLE' else table_type end)::varchar as table_type,
    pg_catalog.obj_description(
        pg_catalog.to_regclass(quote_ident(table_schema) || '.' || quote_ident(table_name)), 'pg_class'
    )::varchar as remarks
from information_schema.tables
where table_schema <> 'pg_internal';

create or replace view pg_catalog.svv_tables as
select
    database_name as table_catalog, schema_name as table_schema, table_name, table_type, remarks
from pg_internal.tables where pg_internal.is_here(namespace);

create or replace view pg_catalog.svv_redshift_tables as
select
    database_name, schema_name, table_name,
    (case table_type when 'BASE TABLE' then 'TABLE' else table_type end)::varchar as table_type,
    ''::varchar as table_acl, remarks
from pg_internal.tables;
create or replace view pg_catalog.svv_all_tables as select * from pg_catalog.svv_redshift_tables;

create or replace view pg_catalog.svv_redshift_schemas as
select
    pg_internal.database_of(nspname) as database_name, pg_internal.schema_of(nspname) as schema_name,
    nspowner::integer as schema_owner, 'local'::varchar as schema_type,
    ''::varchar as schema_acl, ''::varchar as schema_option
from pg_catalog.pg_namespace
where nspname not in ('pg_internal', 'pg_toast') and nspname not like 'pg\_temp%' and nspname not like 'pg\_toast%';

create or replace view pg_catalog.svv_all_schemas as
select
    database_name, schema_name, schema_owner, schema_type, schema_acl,
    ''::varchar as source_database, schema_option
from pg_catalog.svv_redshift_schemas;

create or replace view pg_catalog.svv_redshift_databases as
select
    datname::varchar as database_name, datdba::integer as database_owner,
    'local'::varchar as database_type, ''::varchar as database_acl,
    ''::varchar as database_options, 'Snapshot Isolation'::varchar as database_isolation_level
from pg_catalog.pg_database where datname = current_database()
union all
select
    name::varchar, owner::integer, 'local', '', '', 'Snapshot Isolation'
from pg_internal.database;

create or replace view pg_catalog.svv_external_columns as
select
    null::varchar as redshift_database_name, null::varchar as schemaname,
    null::varchar as tablename, null::varchar as columnname, null::varchar as external_type,
    null::integer as columnnum, null::integer as part_key, null::varchar as is_nullable
where false;
create or replace view pg_catalog.svv_external_tables as
select
    null::varchar as redshift_database_name, null::varchar as schemaname,
    null::varchar as tablename, null::varchar as tabletype, null::varchar as location,
    null::varchar as input_format, null::varchar as output_format,
    null::varchar as serialization_lib, null::varchar as serde_parameters,
    null::integer as compressed, null::varchar as parameters
where false;
create or replace view pg_catalog.svv_external_schemas as
select
    null::oid as esoid, null::smallint as eskind, null::varchar as schemaname,
    null::integer as esowner, null::varchar as databasename, null::varchar as esoptions
where false;

drop view if exists pg_catalog.svv_mv_info;
create view pg_catalog.svv_mv_info as
select
    pg_internal.database_of(n.nspname) as database_name, pg_internal.schema_of(n.nspname) as schema_name,
    pg_catalog.pg_get_userbyid(c.relowner)::varchar as user_name, pg_internal.shown(c.relname) as name,
    'f'::char(1) as is_spectrum, pg_internal.is_stale(c.oid) as is_stale, 0 as state,
    'f'::char(1) as autorewrite,
    (case when m.auto_refresh then 't' else 'f' end)::char(1) as autorefresh
from pg_internal.materialized_view as m
join pg_catalog.pg_class as c on c.oid = m.view_id
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where pg_internal.is_here(n.nspname);
drop view if exists pg_catalog.stv_mv_info;
create view pg_catalog.stv_mv_info as
select
    database_name as db_name, schema_name as schema, name, 0 as updated_upto_xid, is_stale,
    user_name as owner_user_name, state, autorewrite, autorefresh
from pg_catalog.svv_mv_info;
create or replace view pg_catalog.stl_mv_state as
select
    100 as userid, m.refreshed_at as starttime, 0::bigint as xid,
    'Refresh completed'::varchar as event_desc, pg_internal.database_of(n.nspname) as db_name,
    null::varchar as base_table_schema, null::varchar as base_table_name,
    pg_internal.schema_of(n.nspname) as mv_schema, pg_internal.shown(c.relname) as mv_name, 'Recompute'::varchar as state
from pg_internal.materialized_view as m
join pg_catalog.pg_class as c on c.oid = m.view_id
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where pg_internal.is_here(n.nspname);

-- Statements that inserted, as far back as the table: dbt's source freshness asks for the last.
drop view if exists pg_catalog.sys_query_detail;
create view pg_catalog.sys_query_detail as
select
    100 as user_id, 0::bigint as query_id, table_id::integer as table_id,
    table_id::regclass::varchar as table_name, 'insert'::varchar as step_name,
    started_at as start_time, started_at as end_time
from pg_internal.insertion;
