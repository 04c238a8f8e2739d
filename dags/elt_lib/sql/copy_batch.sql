copy staging.$table ($columns)
from '$manifest'
iam_role '$role'
format as parquet
manifest
$options
