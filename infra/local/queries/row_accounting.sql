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
    seconds_from_raw_to_loaded as seconds,
    seconds_of_load
from ops.row_accounting
order by source, feed, batch_id
