create table if not exists ops.load_rejects (
    source varchar(64) not null,
    feed varchar(64) not null,
    batch_id varchar(32) not null,
    rule varchar(64) not null,
    column_name varchar(127),
    rejected_rows bigint not null
)
diststyle auto
sortkey auto
