delete from ops.load_rejects
where source = %s
    and feed = %s
    and batch_id = %s
