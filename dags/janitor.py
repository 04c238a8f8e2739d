"""
### What it does
Looks for what runs left behind and shows it as a table in the log of `find_strays`: EMR clusters,
EMR Serverless jobs and Glue job runs of this deployment whose DAG run is over, staged attempts that
no ledger entry names, and uploads that were never finished. It changes nothing unless told to.

### When it runs
Daily. By hand with `end_strays = true` to end the clusters and jobs that it finds.
`older_than_days` says from which age on files count; younger ones may belong to a run.

### If it fails
* `find_strays` says which clusters or jobs run without a DAG run. They cost money by the hour, so
  the task fails (and alerts) until they are gone. Look at them, then run the DAG with `end_strays`.
* Files never make it fail: lifecycle rules of the lake bucket remove them.
"""

from airflow.sdk import DAG

from elt_lib.janitor import FindStraysOperator, janitor_options

with DAG(**janitor_options(), doc_md=__doc__):
    FindStraysOperator(task_id="find_strays")
