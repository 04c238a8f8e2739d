"""
### What it does
Takes one month of Chicago bike-share files (Divvy trips and stations) from S3 to the star schema:
waits for the files, turns them into Parquet with Spark, loads them into `staging`, builds and tests
`dim_station`, `dim_date`, `fct_trips` and `agg_station_traffic`, and publishes the data dictionary.

### When it runs
Monthly, for the month before. Trips must arrive within the wait that the contract states, else the
run fails as *late*; a month without a station file is allowed and recorded. To load another month,
or one again after files came late, trigger it with the parameter `batch` (for example
`2021-09-01`) or start a back-fill. Runs preprocess side by side, but load and transform in the
order of their months (`wait_for_turn`).

### If it fails
* `wait_for_trips`: the files are late. Upload them and clear the task.
* `preprocess_*`: the log's table lists the rejected rows by rule; they lie under `rejected/`.
  Correct the file or the contract (`models/staging/bikeshare/_bikeshare__sources.yml`) and clear.
* `load_*`: the log names file, column and value. Nothing was loaded; clearing is always safe.
* `transform.*`: a dbt model or test failed; what is downstream of it has stopped. Clear it after
  the fix.
"""

from airflow.sdk import DAG

from elt_lib.pipeline import dag_options, source_pipeline

with DAG(**dag_options("bikeshare"), doc_md=__doc__):
    source_pipeline("bikeshare")
