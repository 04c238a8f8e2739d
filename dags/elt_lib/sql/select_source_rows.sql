select source, feed, batch_id, staged_rows, repeated_rows, superseded_rows, fact_rows
from ops.ops_${source}_rows
