update ops.load_ledger
set status = 'retired'
where source = %s
    and feed = %s
    and batch_id = %s
