select
    column_name,
    data_type,
    character_maximum_length,
    numeric_precision,
    numeric_scale
from svv_columns
where table_schema = %s
    and table_name = %s
order by ordinal_position
