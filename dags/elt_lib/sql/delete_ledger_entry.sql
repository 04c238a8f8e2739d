delete from ops.load_ledger
where source = %s
    and feed = %s
    and batch_id = %s
