select
    feed,
    batch_id,
    manifest_url,
    manifest_sha256,
    loaded_rows,
    rejected_rows
from ops.load_ledger
where source = %s
    and status = 'loaded'
order by feed, batch_id
