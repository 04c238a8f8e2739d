select count(*)
from staging.$table
where _batch_id = %s
