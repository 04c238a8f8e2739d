-- Connections and log-ins: the gateway keeps them and writes them here before they are read.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_CONNECTION_LOG.html, SYS_CONNECTION_LOG.html
create table if not exists pg_internal.connection_log (
    event text not null,
    record_time timestamp not null,
    remote_host text not null,
    remote_port text not null,
    session_id integer not null,
    database_name text not null,
    user_name text not null,
    duration bigint not null,   -- microseconds
    ssl_version text not null,
    ssl_cipher text not null,
    application_name text not null,
    os_version text not null,
    driver_version text not null,
    plugin_name text not null
);
create index if not exists connection_log_time on pg_internal.connection_log (record_time);

create or replace view pg_catalog.sys_connection_log as
select
    event::varchar(50) as event, record_time, remote_host::varchar(45) as remote_host,
    remote_port::varchar(32) as remote_port, session_id, database_name::varchar(50) as database_name,
    user_name::varchar(50) as user_name, 'password'::varchar(32) as auth_method,
    least(duration, 2147483647)::integer as duration, ssl_version::varchar(50) as ssl_version,
    ssl_cipher::varchar(128) as ssl_cipher, null::integer as mtu,
    null::varchar(64) as ssl_compression, null::varchar(64) as ssl_expansion,
    null::varchar(36) as iam_auth_guid, application_name::varchar(250) as application_name,
    driver_version::varchar(64) as driver_version, os_version::varchar(64) as os_version,
    plugin_name::varchar(32) as plugin_name, 0 as protocol_version
from pg_internal.connection_log;

create or replace view pg_catalog.stl_connection_log as
select
    event, record_time as recordtime, remote_host as remotehost, remote_port as remoteport,
    session_id as pid, database_name as dbname, user_name as username, auth_method as authmethod,
    duration, ssl_version as sslversion, ssl_cipher as sslcipher, mtu,
    ssl_compression as sslcompression, ssl_expansion as sslexpansion, iam_auth_guid as iamauthguid,
    application_name, os_version, driver_version, plugin_name, protocol_version
from pg_catalog.sys_connection_log;
