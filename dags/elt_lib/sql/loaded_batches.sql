select batch_id
from ops.load_ledger
where source = %s
    and feed = %s
    and status = 'loaded'
    and loaded_rows > 0
order by batch_id desc
