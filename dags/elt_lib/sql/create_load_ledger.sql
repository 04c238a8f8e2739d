create table if not exists ops.load_ledger (
    source varchar(64) not null,
    feed varchar(64) not null,
    batch_id varchar(32) not null,
    status varchar(16) not null,
    manifest_url varchar(1024),
    manifest_sha256 varchar(64),
    files integer not null,
    raw_rows bigint not null,
    rejected_rows bigint not null,
    loaded_rows bigint not null,
    data_loaded_at timestamp,
    dag_id varchar(250) not null,
    run_id varchar(250) not null,
    recorded_at timestamp not null,
    load_started_at timestamp
)
diststyle auto
sortkey auto
