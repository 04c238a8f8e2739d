"""
### What it does
Takes one release of MovieLens (movies, ratings, tags, links) from S3 to the star schema: waits for
the files, turns them into Parquet with Spark, loads them into `staging`, builds and tests
`dim_movie`, `bridge_movie_genre`, `fct_ratings`, `fct_tags` and `agg_movie_ratings`, writes the
movies' history, and publishes the data dictionary. A release is whole and **replaces** the one
before, because its users are numbered anew.

### When it runs
Monthly; a month without a release, which most are, is recorded and skipped. Put a release's archive
as it is under each feed's folder (`raw/movies/ratings/2018/09/ml-latest-small.zip`, …), or the four
text files, and trigger the DAG with the parameter `batch` (`2018-09-01`). The month is the
release's own: a release older than the newest one is loaded and changes nothing downstream.

### If it fails
* `preprocess_*`: the log's table lists the rejected rows by rule; they lie under `rejected/`. A
  header that no feed knows means another kind of release: see the data dictionary's page.
* `load_*`: the log names file, column and value. Nothing was loaded; clearing is always safe.
* `transform.movie_history`: history knows a newer release than staging shows. Load that one again.
* `transform.*`: a dbt model or test failed; what is downstream of it has stopped. Clear it after
  the fix.
"""

from airflow.sdk import DAG

from elt_lib.pipeline import dag_options, source_pipeline

with DAG(**dag_options("movies"), doc_md=__doc__):
    source_pipeline("movies")
