select
    feed,
    batch_id,
    status,
    raw_rows,
    rejected_rows,
    loaded_rows,
    repeated_rows,
    superseded_rows,
    fact_rows
from ops.ops_row_accounting
where source = 'bikeshare'
order by feed, batch_id
