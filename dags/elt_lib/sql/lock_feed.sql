lock table ops.lock__$table
