create or replace view ops.feed_freshness as
select
    source,
    feed,
    max(case when status = 'loaded' then batch_id end) as last_batch_id,
    sum(case when status = 'loaded' then 1 else 0 end) as loaded_batches,
    sum(case when status = 'no_data' then 1 else 0 end) as empty_batches,
    max(case when status = 'loaded' then recorded_at end) as last_loaded_at,
    datediff(hour, max(case when status = 'loaded' then recorded_at end), getdate())
        as hours_since_load
from ops.load_ledger
group by source, feed
with no schema binding
