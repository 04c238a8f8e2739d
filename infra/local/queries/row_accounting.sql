select
    source,
    feed,
    batch_id,
    status,
    raw_rows,
    rejected_rows,
    loaded_rows,
    repeated_rows,
    superseded_rows,
    fact_rows,
    seconds_from_raw_to_loaded as seconds
from ops.ops_row_accounting
order by source, feed, batch_id
