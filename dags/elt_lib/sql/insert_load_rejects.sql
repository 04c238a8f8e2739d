insert into ops.load_rejects (source, feed, batch_id, rule, column_name, rejected_rows)
values (%s, %s, %s, %s, %s, %s)
