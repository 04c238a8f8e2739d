select manifest_sha256, loaded_rows
from ops.load_ledger
where source = %s
    and feed = %s
    and batch_id = %s
