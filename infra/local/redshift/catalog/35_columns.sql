-- The columns of a query, for constructs whose result depends on them (PIVOT, QUALIFY over USING).
create or replace function pg_internal.columns_of(query text) returns setof text
language plpgsql as $$
declare
    shape record;
begin
    execute format(E'select * from (%s\n) as q limit 0', query) into shape;
    return query select json_object_keys(row_to_json(shape));
end $$;
