-- Tables and locks as a cluster's nodes keep them: one node with one slice, as UNLOAD writes.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STV_SLICES.html, r_STV_TBL_PERM.html, r_STV_LOCKS.html
create or replace view pg_catalog.stv_slices as
select 0 as node, 0 as slice, 0 as localslice, null::char(1) as type;

create or replace view pg_catalog.stv_tbl_perm as
select
    0 as slice, c.oid::integer as id,
    pg_internal.shown(coalesce(pg_internal.name_of_rows(c.oid), c.relname))::char(72) as name,
    greatest(c.reltuples::bigint, pg_catalog.pg_stat_get_live_tuples(c.oid), 0) as rows,
    null::bigint as sorted_rows, (c.relpersistence = 't')::integer as temp,
    pg_internal.database_id(pg_internal.database_of(n.nspname))::integer as db_id,
    null::integer as insert_pristine, null::integer as delete_pristine,
    (coalesce(t.attributes ->> 'backup', '') <> 'false')::integer as backup,
    i.releffectivediststyle::integer as dist_style,
    ceil(pg_catalog.pg_table_size(c.oid) / 1048576.0)::integer as block_count
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_class_info as i on i.oid = c.oid
left join pg_internal.table_attributes as t on t.table_id = c.oid
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_internal', 'pg_toast');

-- Who writes to a table. PostgreSQL keeps no time of a table's last commit; which words stand in
-- lock_status the guide does not say.
create or replace view pg_catalog.stv_locks as
select
    l.relation::bigint as table_id, null::timestamp as last_commit, null::timestamp as last_update,
    a.backend_xid::text::bigint as lock_owner, l.pid::bigint as lock_owner_pid,
    a.xact_start::timestamp as lock_owner_start_ts, null::timestamp as lock_owner_end_ts,
    null::char(22) as lock_status
from pg_catalog.pg_locks as l
join pg_internal.sessions as a on a.pid = l.pid
join pg_catalog.pg_class as c on c.oid = l.relation and c.relkind = 'r' and c.oid >= 16384
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where l.granted and l.mode not in ('AccessShareLock', 'RowShareLock') and n.nspname <> 'pg_internal';

-- Calls of procedures, by clients; those within procedures are not kept apart.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_STORED_PROC_CALL.html, SYS_PROCEDURE_CALL.html
create or replace view pg_catalog.svl_stored_proc_call as
select
    user_id as userid, user_id as session_userid, query_id::integer as query, label::char(320) as label,
    transaction_id as xid, session_id as pid, database_name::char(32) as database,
    left(query_text, 4000)::char(4000) as querytxt, start_time as starttime, end_time as endtime,
    (error_message <> '')::integer as aborted, null::integer as from_sp_call
from pg_internal.queries where kind = 'COMMAND';
create or replace view pg_catalog.sys_procedure_call as
select
    userid as session_user_id, userid as security_user_id, query as query_id, querytxt as query_text,
    starttime as start_time, endtime as end_time,
    (case aborted when 0 then 'success' else 'canceled' end)::char(10) as status,
    from_sp_call as caller_procedure_query_id
from pg_catalog.svl_stored_proc_call;

-- What never happens here has no rows: alerts of the optimizer, Spectrum, recommendations, tables in
-- memory, privileges of the system. Columns: the page of each in the guide (r_….html); those of Spectrum
-- as Redshift's own scripts store them (history_table_creation.sql, github.com/awslabs/amazon-redshift-utils).
do $do$
declare
    known record;
begin
    for known in
        select * from (values
            ('stl_alert_event_log', 'userid integer, query integer, slice integer, segment integer, step integer, pid integer, xid bigint, event char(1024), solution char(1024), event_time timestamp'),
            ('stv_tbl_trans', 'slice integer, id integer, rows bigint, size bigint, query_id bigint, ref_cnt integer, from_suspended integer, prep_swap integer'),
            ('svv_alter_table_recommendations', 'type varchar, database varchar, table_id integer, group_id integer, ddl varchar, auto_eligible char(1)'),
            ('svv_system_privileges', 'system_privilege varchar, identity_id integer, identity_name varchar, identity_type varchar'),
            ('svl_s3query', 'userid integer, query integer, segment integer, step integer, node integer, slice integer, starttime timestamp, endtime timestamp, elapsed bigint, external_table_name varchar, file_format char(16), is_partitioned char(1), is_rrscan char(1), s3_scanned_rows bigint, s3_scanned_bytes bigint, s3query_returned_rows bigint, s3query_returned_bytes bigint, files integer, splits integer, total_split_size bigint, max_split_size bigint, total_retries integer, max_retries integer, max_request_duration integer, avg_request_duration integer, max_request_parallelism integer, avg_request_parallelism float8'),
            ('svl_s3query_summary', 'userid integer, query integer, xid bigint, pid integer, segment integer, step integer, starttime timestamp, endtime timestamp, elapsed bigint, aborted integer, external_table_name varchar, file_format char(16), is_partitioned varchar, is_rrscan varchar, s3_scanned_rows bigint, s3_scanned_bytes bigint, s3query_returned_rows bigint, s3query_returned_bytes bigint, files bigint, files_max integer, files_avg bigint, splits bigint, splits_max integer, splits_avg bigint, total_split_size bigint, max_split_size bigint, avg_split_size bigint, total_retries bigint, max_retries integer, max_request_duration integer, avg_request_duration bigint, max_request_parallelism integer, avg_request_parallelism float8')
        ) as v (name, columns)
    loop
        execute format('create or replace view pg_catalog.%I as select %s where false', known.name,
            regexp_replace(known.columns, '(\w+) (\w+(?:\(\d+\))?)', 'null::\2 as \1', 'g'));
    end loop;
end $do$;
