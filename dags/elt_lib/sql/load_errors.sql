select
    file_name,
    line_number,
    column_name,
    column_type,
    error_code,
    error_message
from sys_load_error_detail
where session_id = pg_backend_pid()
    and start_time > dateadd(hour, -12, getdate())
order by start_time desc
limit 10
