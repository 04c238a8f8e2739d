-- ALTER TABLE APPEND: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html
create or replace function pg_internal.append_table(target regclass, source regclass, extra text)
returns void language plpgsql as $$
declare
    shared text;
    wrong text;
begin
    if exists (
        select from pg_catalog.pg_class
        where oid in (target, source) and (relkind <> 'r' or relpersistence <> 'p')
    ) then
        raise exception 'ALTER TABLE APPEND works on permanent tables only' using errcode = '42809';
    end if;
    if target = source then
        raise exception 'ALTER TABLE APPEND needs two tables' using errcode = '42809';
    end if;
    execute format('lock table %s, %s in access exclusive mode', target, source);
    select string_agg(name, ', ') into wrong
    from unnest(array['diststyle', 'distkey', 'sortkey', 'sort_style']) as name
    where (select attributes -> name from pg_internal.table_attributes where table_id = target)
        is distinct from
        (select attributes -> name from pg_internal.table_attributes where table_id = source);
    if wrong is not null then
        raise exception 'Tables of ALTER TABLE APPEND differ in %', wrong using errcode = '42P16';
    end if;
    with t as (
        select * from pg_catalog.pg_attribute
        where attrelid = target and attnum > 0 and not attisdropped
    ), s as (
        select * from pg_catalog.pg_attribute
        where attrelid = source and attnum > 0 and not attisdropped
    )
    select
        string_agg(format('%I', t.attname), ', ' order by t.attnum)
            filter (where t.attname = s.attname),
        coalesce(
            string_agg('identity column ' || t.attname, ', ')
                filter (where t.attname = s.attname and 'a' in (t.attidentity, s.attidentity)),
            string_agg('different attributes of column ' || t.attname, ', ') filter (
                where t.attname = s.attname and (t.atttypid, t.atttypmod, t.attnotnull)
                    is distinct from (s.atttypid, s.atttypmod, s.attnotnull)
            ),
            string_agg('column ' || s.attname || ' only in the source: use IGNOREEXTRA', ', ')
                filter (where t.attname is null and extra <> 'ignoreextra'),
            string_agg('column ' || t.attname || ' only in the target: use FILLTARGET', ', ')
                filter (where s.attname is null and extra <> 'filltarget')
        )
    into shared, wrong
    from t full join s on s.attname = t.attname;
    if wrong is not null then
        raise exception 'ALTER TABLE APPEND failed: %', wrong using errcode = '42P16';
    end if;
    execute format('insert into %s (%s) select %s from %s', target, shared, shared, source);
    execute format('delete from %s', source);
end $$;
