create table if not exists ops.ops_${source}_rows (
    rows_key varchar(32) not null,
    source varchar(64),
    feed varchar(64),
    batch_id varchar(32),
    staged_rows bigint,
    repeated_rows bigint,
    superseded_rows bigint,
    fact_rows bigint
)
