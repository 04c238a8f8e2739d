"""
### What it does
Takes one month of arrivals in the USA (I-94 records, CSV or Parquet) and, where there are new
ones, the lists of city demographics, airports and state temperatures from S3 to the star schema:
waits for the files, turns them into Parquet with Spark, loads them into `staging`, loads the code
lists (`seeds/immigration`), builds and tests `fct_arrivals`, its dimensions `dim_visitor`,
`dim_visa`, `dim_port`, `dim_state`, `dim_country`, `dim_arrival_mode`, `dim_airport`, and the two
aggregates by state, and publishes the data dictionary.

### When it runs
Monthly, for the month before. Arrivals must come within the wait that the contract states, else
the run fails as *late*. The three lists may be missing: the run goes on with the latest there is.
To load another month, or one again after files came late, trigger it with the parameter `batch`
(for example `2016-04-01`) or start a back-fill. Runs preprocess side by side, but load and
transform in the order of their months (`wait_for_turn`).

### If it fails
* `wait_for_arrivals`: the files are late. Upload them and clear the task.
* `preprocess_*`: the log's table lists the rejected rows by rule; they lie under `rejected/`.
  Correct the file or the contract (`models/staging/immigration/_immigration__sources.yml`) and
  clear.
* `load_*`: the log names file, column and value. Nothing was loaded; clearing is always safe.
* `load_seeds`: a code list has a code twice or none; correct it in `seeds/immigration`.
* `transform.*`: a dbt model or test failed; what is downstream of it has stopped. Clear it after
  the fix. Warnings (departures before arrivals, impossible ages, unlisted codes) stop nothing.
"""

from airflow.sdk import DAG

from elt_lib.pipeline import dag_options, source_pipeline

with DAG(**dag_options("immigration"), doc_md=__doc__):
    source_pipeline("immigration")
