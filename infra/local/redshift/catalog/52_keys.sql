-- Keys are recorded, not enforced, so PostgreSQL's own views know none; clients (the Amazon
-- provider's UPSERT among them) look them up here. https://docs.aws.amazon.com/redshift/latest/dg/
-- t_Defining_constraints.html
create or replace view pg_internal.table_keys as
select
    pg_internal.shown(n.nspname) as table_schema, pg_internal.shown(c.relname) as table_name, k.key ->> 'kind' as kind,
    k.key -> 'columns' as columns,
    c.relname || case k.key ->> 'kind'
        when 'primary key' then '_pkey'
        when 'unique' then '_' || (k.key -> 'columns' ->> 0) || '_key'
        else '_' || (k.key -> 'columns' ->> 0) || '_fkey'
    end as name
from pg_internal.table_attributes as a
join pg_catalog.pg_class as c on c.oid = a.table_id
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral jsonb_array_elements(
    case jsonb_typeof(a.attributes -> 'keys') when 'array' then a.attributes -> 'keys' end
) as k (key);

create or replace view information_schema.table_constraints as
select
    current_database()::information_schema.sql_identifier as constraint_catalog,
    table_schema::information_schema.sql_identifier as constraint_schema,
    name::information_schema.sql_identifier as constraint_name,
    current_database()::information_schema.sql_identifier as table_catalog,
    table_schema::information_schema.sql_identifier as table_schema,
    table_name::information_schema.sql_identifier as table_name,
    upper(kind)::information_schema.character_data as constraint_type,
    'NO'::information_schema.yes_or_no as is_deferrable,
    'NO'::information_schema.yes_or_no as initially_deferred,
    'NO'::information_schema.yes_or_no as enforced,
    'YES'::information_schema.yes_or_no as nulls_distinct
from pg_internal.table_keys;

create or replace view information_schema.key_column_usage as
select
    current_database()::information_schema.sql_identifier as constraint_catalog,
    t.table_schema::information_schema.sql_identifier as constraint_schema,
    t.name::information_schema.sql_identifier as constraint_name,
    current_database()::information_schema.sql_identifier as table_catalog,
    t.table_schema::information_schema.sql_identifier as table_schema,
    t.table_name::information_schema.sql_identifier as table_name,
    u.column_name::information_schema.sql_identifier as column_name,
    u.place::integer::information_schema.cardinal_number as ordinal_position,
    null::information_schema.cardinal_number as position_in_unique_constraint
from pg_internal.table_keys as t
cross join lateral jsonb_array_elements_text(t.columns) with ordinality as u (column_name, place);
grant select on pg_internal.table_keys to public;
