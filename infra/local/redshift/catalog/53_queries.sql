-- Statements that clients ran: the gateway keeps them and writes them here before they are read.
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html, r_STL_QUERY.html,
-- r_SVL_QLOG.html, r_SVL_STATEMENTTEXT.html and their neighbours.
create table if not exists pg_internal.query_history (
    query_id bigint primary key,
    user_name text not null,
    label text not null,
    transaction_id bigint not null,
    session_id integer not null,
    database_name text not null,
    kind text not null,         -- query_type of sys_query_history
    start_time timestamp not null,
    end_time timestamp not null,
    returned_rows bigint not null,
    error_message text not null,
    query_text text not null
);
create index if not exists query_history_start on pg_internal.query_history (start_time);

-- A superuser sees all statements, others their own.
create or replace view pg_internal.queries as
select
    coalesce(r.oid::integer, 0) as user_id, q.*,
    (extract(epoch from q.end_time - q.start_time) * 1000000)::bigint as elapsed
from pg_internal.query_history as q
left join pg_catalog.pg_roles as r on r.rolname = q.user_name
where q.user_name = current_user
    or pg_internal.sees_all();

create or replace view pg_catalog.sys_query_history as
select
    user_id, query_id, label::varchar(320) as query_label, transaction_id, session_id,
    database_name::varchar(128) as database_name, kind::varchar(32) as query_type,
    (case when error_message = '' then 'success' when error_message like 'canceling%' then 'canceled'
        else 'failed' end)::varchar(10) as status,
    false as result_cache_hit, start_time, end_time, elapsed as elapsed_time, 0::bigint as queue_time,
    elapsed as execution_time, error_message::varchar(512) as error_message, returned_rows,
    null::bigint as returned_bytes, left(query_text, 4000)::varchar(4000) as query_text,
    null::varchar(256) as redshift_version, null::varchar(150) as usage_limit,
    'primary'::varchar(50) as compute_type, 0::bigint as compile_time, 0::bigint as planning_time,
    0::bigint as lock_wait_time, null::integer as service_class_id,
    null::varchar(64) as service_class_name, null::varchar(20) as query_priority,
    'false'::varchar(5) as short_query_accelerated
from pg_internal.queries;

create or replace view pg_catalog.sys_query_text as
select
    user_id, query_id, transaction_id, session_id, start_time, (n - 1)::integer as sequence,
    substring(query_text from (n - 1) * 4000 + 1 for 4000)::varchar(4000) as text
from pg_internal.queries
cross join lateral generate_series(1, greatest((length(query_text) + 3999) / 4000, 1)) as n;

-- STL_QUERY has queries, not the statements that define or set something.
create or replace view pg_internal.only_queries as
select * from pg_internal.queries where kind not in ('DDL', 'UTILITY');
create or replace view pg_catalog.stl_query as
select
    user_id as userid, query_id::integer as query, label::varchar(320) as label,
    transaction_id as xid, session_id as pid, database_name::varchar(32) as database,
    left(query_text, 4000)::varchar(4000) as querytxt, start_time as starttime, end_time as endtime,
    (error_message <> '')::integer as aborted, 0 as insert_pristine, 0 as concurrency_scaling_status
from pg_internal.only_queries;
create or replace view pg_catalog.stl_querytext as
select
    user_id as userid, transaction_id as xid, session_id as pid, query_id::integer as query,
    (n - 1)::integer as sequence,
    substring(query_text from (n - 1) * 200 + 1 for 200)::varchar(200) as text
from pg_internal.only_queries
cross join lateral generate_series(1, greatest((length(query_text) + 199) / 200, 1)) as n;
create or replace view pg_catalog.svl_qlog as
select
    user_id as userid, query_id::integer as query, transaction_id as xid, session_id as pid,
    start_time as starttime, end_time as endtime, elapsed, (error_message <> '')::integer as aborted,
    label::varchar(320) as label, left(query_text, 60)::varchar(60) as substring,
    null::integer as source_query,
    'Ran on the main cluster'::varchar as concurrency_scaling_status_txt, null::integer as from_sp_call
from pg_internal.only_queries;

create or replace view pg_catalog.svl_statementtext as
select
    user_id as userid, transaction_id as xid, session_id as pid, label::varchar(320) as label,
    start_time as starttime, end_time as endtime, (n - 1)::integer as sequence,
    (case when kind in ('DDL', 'UTILITY') then kind else 'QUERY' end)::varchar(10) as type,
    substring(query_text from (n - 1) * 200 + 1 for 200)::varchar(200) as text
from pg_internal.queries
cross join lateral generate_series(1, greatest((length(query_text) + 199) / 200, 1)) as n;
create or replace view pg_catalog.stl_ddltext as
select userid, xid, pid, label, starttime, endtime, sequence, text
from pg_catalog.svl_statementtext where type = 'DDL';
-- What a client has rolled back; PostgreSQL has no transactions that undo others.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_UNDONE.html
create or replace view pg_catalog.stl_undone as
select
    user_id as userid, transaction_id as xact_id, transaction_id as xact_id_undone,
    start_time as undo_start_ts, end_time as undo_end_ts, null::bigint as table_id
from pg_internal.queries
where kind = 'UTILITY' and error_message = '' and query_text ~* '^\s*(rollback|abort)\M';
create or replace view pg_catalog.stl_utilitytext as
select userid, xid, pid, label, starttime, endtime, sequence, text
from pg_catalog.svl_statementtext where type = 'UTILITY';
