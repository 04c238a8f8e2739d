-- The columns of a query, for constructs whose result depends on them (PIVOT, QUALIFY over USING).
create or replace function pg_internal.columns_of(query text) returns setof text
language plpgsql as $$
declare
    shape record;
begin
    execute format(E'select * from (%s\n) as q limit 0', query) into shape;
    return query select json_object_keys(row_to_json(shape));
end $$;
-- The columns of a relation with their types, one after the other; none of what does not exist.
create or replace function pg_internal.relation_types(relation text) returns setof text
language sql stable as $$
    select unnest(array[a.attname, format_type(a.atttypid, a.atttypmod)])
    from pg_catalog.pg_attribute as a
    where a.attrelid = to_regclass(relation) and a.attnum > 0 and not a.attisdropped
    order by a.attnum
$$;
-- The same of a query, none of one with an error. Only a relation tells lengths: a view is made and
-- taken back.
create or replace function pg_internal.query_types(query text) returns setof text
language plpgsql as $$
declare
    found text[];
begin
    begin
        execute format(E'create temp view rs_types_of as select * from (%s\n) as q', query);
        found := array(select pg_internal.relation_types('pg_temp.rs_types_of'));
        raise exception 'the view is not kept';
    exception when others then
        null;
    end;
    return query select unnest(found);
end $$;
