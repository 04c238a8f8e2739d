"""SIGKILL of Spark at named points, and the retry: what is loaded is one whole attempt."""

import pytest

from tests.dags.killing import eventually
from tests.dags.spark import Spark

pytestmark = pytest.mark.slow

BATCH = "20240101T000000"
RAW = "order_id,note\n1,a\n2,b\nx,c\n3,\n"
LOADED = [(BATCH, 1, "a"), (BATCH, 2, "b"), (BATCH, 3, None)]


def rejects(lake):
    return lake.query(
        f"select rule, column_name, rejected_rows from ops.load_rejects "
        f"where feed = '{lake.feed.name}'"
    )


def test_a_killed_attempt_counts_for_nothing_and_the_next_is_loaded_whole(stack, lake):
    spark = Spark(stack.config, lake, BATCH)
    spark.put(RAW)
    lake.load(BATCH, lake.write(BATCH, [(9, "old")]))
    for point in (spark.is_writing, spark.has_parquet_and_no_manifest):
        number = spark.submit()
        eventually(point, point.__doc__)
        assert spark.kill()
        assert spark.end(number) == "dead"
        assert spark.report() is None
        assert lake.rows() == [(BATCH, 9, "old")]
        for attempt in spark.attempts():
            attempt.rename(spark.output / f"killed-{attempt.name}")
    assert spark.end(spark.submit()) == "success"
    assert lake.load(BATCH, spark.report()) == 3
    assert lake.rows() == LOADED
    assert lake.ledger() == [(BATCH, "loaded", 4, 1, 3)]
    assert rejects(lake) == [("type", "order_id", 1)]


def test_an_orphan_that_finishes_beside_its_retry_is_harmless(stack, lake):
    """Two attempts of one batch, of which Airflow knows one; both end, and either may be last."""
    spark = Spark(stack.config, lake, BATCH)
    spark.put(RAW)
    orphan, retry = spark.submit(), spark.submit()
    first = eventually(spark.report, "the first attempt is done")
    assert lake.load(BATCH, first) == 3
    assert (spark.end(orphan), spark.end(retry)) == ("success", "success")
    second = spark.report()
    assert second.manifest_url != first.manifest_url
    assert len(spark.attempts()) == 2
    # The load's own retry, its first attempt's answer lost, and the two in any other order.
    for report in (second, first, second):
        assert lake.load(BATCH, report) == 3
        assert lake.rows() == LOADED
        assert lake.ledger() == [(BATCH, "loaded", 4, 1, 3)]
        assert rejects(lake) == [("type", "order_id", 1)]
