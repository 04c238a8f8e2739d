"""
### What it does
Takes one month of New York's green-taxi records (CSV or Parquet, in the layout of any year) and,
where there is a new one, the list of taxi zones from S3 to the star schema: waits for the files,
turns them into Parquet with Spark, loads them into `staging`, builds and tests `dim_taxi_zone`,
`fct_green_trips` and `agg_green_rides_daily`, and publishes the data dictionary.

### When it runs
Monthly, for the month before. The publisher takes about two months; records must arrive within the
wait that the contract states, else the run fails as *late*. A month without a list of zones is
allowed: the latest list counts. To load another month, or one again after files came
late, trigger it with the parameter `batch` (for example `2024-01-01`) or start a back-fill. Runs
preprocess side by side, but load and transform in the order of their months (`wait_for_turn`).

### If it fails
* `wait_for_trips`: the files are late. Upload them and clear the task.
* `preprocess_*`: the log's table lists the rejected rows by rule; they lie under `rejected/`.
  Correct the file or the contract (`models/staging/taxi/_taxi__sources.yml`) and clear. A month
  that is there as CSV and as Parquet is refused: take one of them out and clear.
* `load_*`: the log names file, column and value. Nothing was loaded; clearing is always safe.
* `transform.*`: a dbt model or test failed; what is downstream of it has stopped. Clear it after
  the fix. Warnings (odd records, columns that are new, which staging keeps) stop nothing.
"""

from airflow.sdk import DAG

from elt_lib.pipeline import dag_options, source_pipeline

with DAG(**dag_options("taxi"), doc_md=__doc__):
    source_pipeline("taxi")
