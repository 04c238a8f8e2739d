"""
### What it does
Asks the lake, not the warehouse, which movies people like best: joins the latest release of
MovieLens (`movies__movies`, `movies__ratings`) with Athena, straight from the Parquet that
preprocessing wrote, and leaves the answer as CSV below the work group's result location. It is an
example of what others can do with the Glue catalogue without touching Redshift.

### When it runs
Whenever the `movies` DAG has registered a release in the catalogue (asset `starlift://movies/lake`).

### If it fails
* `query_best_movies`: the task's log has Athena's reason. *Table not found*: no release was
  registered yet, see `register_batches` of the DAG `movies`. *Bytes scanned limit*: the release is
  larger than the work group lets a query read (`QueryGigabytes`).
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from elt_lib.athena import ask_athena, queries
from elt_lib.lake import lake_asset
from elt_lib.pipeline import default_args

with DAG(
    "movies_athena",
    description="The best rated movies, asked of the lake with Athena.",
    schedule=[lake_asset("movies")],
    start_date=datetime(2008, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["starlift", "movies"],
    default_args=default_args(),
    template_searchpath=queries(),
    doc_md=__doc__,
):
    ask_athena("query_best_movies", "best_movies.sql")
