insert into ops.load_ledger (
    source,
    feed,
    batch_id,
    status,
    manifest_url,
    manifest_sha256,
    files,
    raw_rows,
    rejected_rows,
    loaded_rows,
    data_loaded_at,
    dag_id,
    run_id,
    recorded_at,
    load_started_at
)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, getdate(), sysdate)
