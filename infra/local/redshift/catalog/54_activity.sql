-- What runs now, and what lies on the disk.
create or replace view pg_catalog.stv_recents as
select
    a.usesysid::integer as userid,
    (case when a.state = 'active' then 'Running' else 'Done' end)::varchar as status,
    a.query_start::timestamp as starttime,
    (extract(epoch from clock_timestamp() - a.query_start) * 1000000)::bigint as duration,
    a.usename::varchar as user_name, a.database_name::varchar as db_name, a.query::varchar as query, a.pid
from pg_internal.sessions as a;
create or replace view pg_catalog.stv_sessions as
select
    a.backend_start::timestamp as starttime, a.pid as process, a.usename::varchar as user_name,
    a.database_name::varchar as db_name
from pg_internal.sessions as a;
create or replace view pg_catalog.stv_inflight as
select
    a.usesysid::integer as userid, 0 as slice, null::integer as query, 'default'::varchar(320) as label,
    a.backend_xid::text::bigint as xid, a.pid, a.query_start::timestamp as starttime,
    left(a.query, 100)::varchar(100) as text, 0 as suspended, 0 as insert_pristine,
    0 as concurrency_scaling_status
from pg_internal.sessions as a
where a.state = 'active';

create or replace view pg_catalog.svv_transactions as
select
    a.usename::varchar as txn_owner, a.database_name::varchar as txn_db, a.backend_xid::text::bigint as xid,
    a.pid, a.xact_start::timestamp as txn_start, l.mode::varchar as lock_mode,
    (case l.locktype when 'relation' then 'relation' else 'transactionid' end)::varchar
        as lockable_object_type,
    l.relation::integer as relation, l.granted
from pg_internal.sessions as a
join pg_catalog.pg_locks as l on l.pid = a.pid
where a.xact_start is not null
    and l.locktype in ('relation', 'transactionid')
    and (l.relation is null or l.relation >= 16384);

-- One row for each megabyte of a table, as a block has it in Redshift; columns are not kept apart.
create or replace view pg_catalog.svv_diskusage as
select
    pg_internal.database_id(pg_internal.database_of(s.nspname))::integer as db_id, pg_internal.shown(c.relname) as name, 0 as slice, 0 as col, c.oid::integer as tbl,
    (n - 1)::integer as blocknum, null::integer as num_values, null::bigint as minvalue,
    null::bigint as maxvalue, null::integer as sb_pos, 0 as pinned, 1 as on_disk, 0 as modified,
    0 as hdr_modified, null::integer as unsorted, 0 as tombstone, 0 as preferred_diskno,
    (c.relpersistence = 't')::integer as temporary, 0 as newblock, 0 as num_readers, 0 as flags
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as s on s.oid = c.relnamespace
cross join lateral generate_series(
    1, ceil(pg_catalog.pg_table_size(c.oid) / 1048576.0)::integer
) as n
where c.relkind = 'r' and s.nspname not in ('pg_catalog', 'information_schema', 'pg_internal', 'pg_toast');

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STV_BLOCKLIST.html
create or replace view pg_catalog.stv_blocklist as
select
    slice, col, tbl, blocknum, num_values, null::integer as extended_limits, minvalue, maxvalue,
    sb_pos, pinned, on_disk, modified, hdr_modified, unsorted, tombstone, preferred_diskno,
    temporary, newblock, num_readers, flags
from pg_catalog.svv_diskusage;

create or replace view pg_catalog.pg_user_info as
select
    u.usename, u.usesysid::integer as usesysid, u.usecreatedb, u.usesuper, false as usecatupd,
    '********'::text as passwd, u.valuntil, u.useconfig,
    (case r.rolconnlimit when -1 then 'UNLIMITED' else r.rolconnlimit::text end)::text as useconnlimit
from pg_catalog.pg_user as u
join pg_catalog.pg_roles as r on r.rolname = u.usename
where u.usename <> 'postgres';
