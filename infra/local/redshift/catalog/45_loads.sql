-- COPY and UNLOAD: their history and Redshift's views on it. The gateway writes it on a connection
-- of its own, so that it survives the rollback of the client's transaction.
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_HISTORY.html and its neighbours.
create sequence if not exists pg_internal.query_id start 1001;
create table if not exists pg_internal.load_history (
    query_id bigint primary key,
    transaction_id bigint,
    session_id integer,
    user_name text,
    database_name text,
    table_name text,
    data_source text,
    file_format text,
    status text,
    error_message text,
    start_time timestamp,
    end_time timestamp,
    duration bigint,            -- microseconds
    loaded_rows bigint,
    loaded_bytes bigint,
    source_file_count integer,
    error_count bigint
);
create table if not exists pg_internal.load_error (
    query_id bigint,
    transaction_id bigint,
    session_id integer,
    start_time timestamp,
    table_id oid,
    table_name text,
    file_name text,
    line_number bigint,
    column_name text,
    column_type text,
    column_length text,
    raw_line text,
    raw_field_value text,
    error_code integer,
    error_message text
);
alter table pg_internal.load_error add column if not exists position integer;
create table if not exists pg_internal.load_error_field (
    query_id bigint,
    file_name text,
    line_number bigint,
    field integer,              -- the column's place in the table, from 0
    column_name text,
    value text
);
create table if not exists pg_internal.load_file (
    query_id bigint,
    file_name text,
    file_bytes bigint,
    lines_scanned bigint,
    end_time timestamp
);
create table if not exists pg_internal.unload_history (
    query_id bigint primary key,
    session_id integer,
    database_name text,
    status text,
    start_time timestamp,
    end_time timestamp,
    duration bigint,            -- microseconds
    file_format text,
    compression_type text,
    unloaded_location text,
    unloaded_rows bigint,
    unloaded_files_count bigint,
    unloaded_files_size bigint,
    error_message text
);
create table if not exists pg_internal.unload_file (
    query_id bigint,
    session_id integer,
    file_name text,
    start_time timestamp,
    end_time timestamp,
    line_count bigint,
    transfer_size bigint,
    file_format text
);

create or replace view pg_catalog.sys_load_history as
select
    100 as user_id, query_id, transaction_id, session_id, database_name::varchar,
    table_name::varchar, status::varchar, data_source::varchar, file_format::varchar,
    start_time, end_time, duration, loaded_rows, loaded_bytes, source_file_count,
    loaded_bytes as source_file_bytes, error_count, error_message::varchar,
    source_file_count as file_count_scanned, loaded_bytes as file_bytes_scanned,
    0::bigint as copy_job_id
from pg_internal.load_history;
create or replace view pg_catalog.sys_load_detail as
select
    100 as user_id, f.query_id, f.file_name::varchar, f.file_bytes as bytes_scanned,
    f.lines_scanned, 0 as splits_scanned, f.end_time as record_time
from pg_internal.load_file as f;
create or replace view pg_catalog.sys_load_error_detail as
select
    100 as user_id, query_id, transaction_id, session_id, start_time, table_id,
    table_name::varchar, file_name::varchar, line_number, column_name::varchar,
    column_type::varchar, column_length::varchar, position::bigint as position,
    error_code, error_message::varchar, raw_line::varchar, raw_field_value::varchar
from pg_internal.load_error;
create or replace view pg_catalog.stl_load_errors as
select
    100 as userid, 0 as slice, table_id as tbl, start_time as starttime,
    session_id as session, query_id as query, file_name::varchar as filename, line_number,
    column_name::varchar as colname, column_type::varchar as type, column_length::varchar as col_length,
    coalesce(position, 0) as position, raw_line::varchar, raw_field_value::varchar,
    error_code as err_code, error_message::varchar as err_reason, 0 as is_partial, 0 as start_offset
from pg_internal.load_error;
create or replace view pg_catalog.stl_loaderror_detail as
select
    100 as userid, 0 as slice, e.session_id as session, f.query_id as query,
    f.file_name::varchar as filename, f.line_number, f.field,
    f.column_name::varchar as colname,
    f.value::varchar as value, (f.value = '')::integer as is_null, e.column_type::varchar as type,
    e.column_length::varchar as col_length
from pg_internal.load_error_field as f
join pg_internal.load_error as e
    on e.query_id = f.query_id and e.file_name = f.file_name and e.line_number = f.line_number;
create or replace view pg_catalog.stl_load_commits as
select
    100 as userid, f.query_id as query, 0 as slice, ''::varchar as name,
    f.file_name::varchar as filename, 0 as byte_offset, f.lines_scanned, 0 as errors, 1 as status,
    f.end_time as curtime, l.file_format::varchar as file_format, 0 as is_partial,
    0::bigint as start_offset, 0::bigint as copy_job_id
from pg_internal.load_file as f
join pg_internal.load_history as l on l.query_id = f.query_id;

create or replace view pg_catalog.sys_unload_history as
select
    100 as user_id, query_id, null::bigint as transaction_id, session_id, database_name::varchar,
    status::varchar, start_time, end_time, duration, file_format::varchar,
    compression_type::varchar, unloaded_location::varchar, unloaded_rows, unloaded_files_count,
    unloaded_files_size, error_message::varchar
from pg_internal.unload_history;
create or replace view pg_catalog.sys_unload_detail as
select
    100 as user_id, query_id::integer as query_id, session_id, null::bigint as transaction_id,
    file_name::varchar, start_time, end_time, line_count, transfer_size, file_format::varchar
from pg_internal.unload_file;
create or replace view pg_catalog.stl_unload_log as
select
    100 as userid, query_id::integer as query, 0 as slice, session_id as pid,
    file_name::varchar as path, start_time, end_time, line_count, transfer_size,
    file_format::varchar
from pg_internal.unload_file;

create or replace function pg_catalog.pg_last_copy_count() returns bigint language sql stable as
    $$ select coalesce(nullif(current_setting('redshift.last_copy_count', true), ''), '0')::bigint $$;
create or replace function pg_catalog.pg_last_copy_id() returns bigint language sql stable as
    $$ select coalesce(nullif(current_setting('redshift.last_copy_id', true), ''), '-1')::bigint $$;
create or replace function pg_catalog.pg_last_unload_count() returns bigint language sql stable as
    $$ select coalesce(nullif(current_setting('redshift.last_unload_count', true), ''), '0')::bigint $$;
create or replace function pg_catalog.pg_last_unload_id() returns bigint language sql stable as
    $$ select coalesce(nullif(current_setting('redshift.last_unload_id', true), ''), '-1')::bigint $$;
