select
    source,
    feed,
    rule,
    column_name,
    count(distinct batch_id) as batches,
    cast(sum(rejected_rows) as bigint) as rejected_rows
from ops.load_rejects
group by source, feed, rule, column_name
order by source, feed, sum(rejected_rows) desc, rule, column_name
