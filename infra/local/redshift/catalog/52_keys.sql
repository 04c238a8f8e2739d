-- Keys are recorded, not enforced, so PostgreSQL's own views know none; clients (the Amazon
-- provider's UPSERT among them) look them up here. https://docs.aws.amazon.com/redshift/latest/dg/
-- t_Defining_constraints.html
-- Keys get what a constraint has: an oid, a name, and the table that it refers to as it is found now.
create sequence if not exists pg_internal.key_id as integer start 50000000;
create or replace function pg_internal.named_keys(target regclass, keys jsonb) returns jsonb
language sql as $$
    select coalesce(jsonb_agg(
        jsonb_build_object(
            'oid', nextval('pg_internal.key_id'),
            'name', c.relname || case k ->> 'kind'
                when 'primary key' then '_pkey'
                when 'unique' then '_' || (k -> 'columns' ->> 0) || '_key'
                else '_' || (k -> 'columns' ->> 0) || '_fkey'
            end
        ) || case when k ? 'table' then jsonb_build_object('table_id', to_regclass((
            select string_agg(quote_ident(case
                when place = 1 and cardinality(path) > 1
                    then pg_internal.namespace_of(path[:cardinality(path) - 1])
                else part end), '.' order by place)
            from unnest(path) with ordinality as p (part, place)
            where place = 1 or place = cardinality(path)
        ))::oid) else '{}' end || k
    ), '[]')
    from pg_catalog.pg_class as c, jsonb_array_elements(keys) as k
    cross join lateral (
        select array(select jsonb_array_elements_text(k -> 'table')) as path
    ) as r
    where c.oid = target
$$;
create or replace function pg_internal.drop_key(target regclass, called text) returns void
language plpgsql security definer as $$
begin
    update pg_internal.table_attributes set attributes = jsonb_set(attributes, '{keys}', (
        select coalesce(jsonb_agg(k), '[]') from jsonb_array_elements(attributes -> 'keys') as k
        where k ->> 'name' <> called
    )) where table_id = target
        and attributes -> 'keys' @> jsonb_build_array(jsonb_build_object('name', called));
    if not found then
        raise exception 'constraint "%" of relation "%" does not exist', called,
            (select relname from pg_catalog.pg_class where oid = target) using errcode = '42704';
    end if;
end $$;

-- Keys that an older catalog has recorded.
update pg_internal.table_attributes set
    attributes = jsonb_set(attributes, '{keys}', pg_internal.named_keys(table_id, attributes -> 'keys'))
where jsonb_path_exists(attributes, '$.keys[*] ? (!exists(@.oid))');
-- New columns go to the end: views of information_schema stand on this one.
create or replace view pg_internal.table_keys as
select
    pg_internal.schema_of(n.nspname) as table_schema, pg_internal.shown(c.relname) as table_name,
    k.key ->> 'kind' as kind, k.key -> 'columns' as columns,
    pg_internal.shown(k.key ->> 'name')::text collate "C" as name, (k.key ->> 'oid')::bigint::oid as key_id,
    a.table_id, c.relnamespace, c.relowner,
    array(
        select f.attnum from jsonb_array_elements_text(k.key -> 'columns') with ordinality as u (name, place)
        join pg_catalog.pg_attribute as f on f.attrelid = a.table_id and f.attname = u.name
        order by u.place
    ) as places,
    (k.key ->> 'table_id')::oid as referenced, k.key -> 'references' as referenced_columns,
    k.key -> 'table' as referenced_table, n.nspname as namespace
from pg_internal.table_attributes as a
join pg_catalog.pg_class as c on c.oid = a.table_id
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral jsonb_array_elements(
    case jsonb_typeof(a.attributes -> 'keys') when 'array' then a.attributes -> 'keys' end
) as k (key);

create or replace view information_schema.table_constraints as
select
    pg_internal.current_database()::information_schema.sql_identifier as constraint_catalog,
    table_schema::information_schema.sql_identifier as constraint_schema,
    name::information_schema.sql_identifier as constraint_name,
    pg_internal.current_database()::information_schema.sql_identifier as table_catalog,
    table_schema::information_schema.sql_identifier as table_schema,
    table_name::information_schema.sql_identifier as table_name,
    upper(kind)::information_schema.character_data as constraint_type,
    'NO'::information_schema.yes_or_no as is_deferrable,
    'NO'::information_schema.yes_or_no as initially_deferred,
    'NO'::information_schema.yes_or_no as enforced,
    'YES'::information_schema.yes_or_no as nulls_distinct
from pg_internal.table_keys where pg_internal.is_here(namespace);

create or replace view information_schema.key_column_usage as
select
    pg_internal.current_database()::information_schema.sql_identifier as constraint_catalog,
    t.table_schema::information_schema.sql_identifier as constraint_schema,
    t.name::information_schema.sql_identifier as constraint_name,
    pg_internal.current_database()::information_schema.sql_identifier as table_catalog,
    t.table_schema::information_schema.sql_identifier as table_schema,
    t.table_name::information_schema.sql_identifier as table_name,
    u.column_name::information_schema.sql_identifier as column_name,
    u.place::integer::information_schema.cardinal_number as ordinal_position,
    null::information_schema.cardinal_number as position_in_unique_constraint
from pg_internal.table_keys as t
cross join lateral jsonb_array_elements_text(t.columns) with ordinality as u (column_name, place)
where pg_internal.is_here(t.namespace);
