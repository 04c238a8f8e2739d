select
    source,
    feed,
    last_batch_id,
    loaded_batches,
    empty_batches,
    date_trunc('second', last_loaded_at) as last_loaded_at,
    hours_since_load
from ops.feed_freshness
order by source, feed
