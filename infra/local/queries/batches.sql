select
    batch_id,
    max(recorded_at) as recorded_at
from ops.load_ledger
where source = %s
group by batch_id
order by batch_id
