"""What is particular to Parquet as a raw format."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from tests.spark_jobs.conftest import Batches
from tests.spark_jobs.feeds import column, feed, parquet

pytestmark = pytest.mark.slow


def test_timestamps_in_nanoseconds_are_cut_off_at_the_microsecond(batches: Batches) -> None:
    """pandas writes them; -1 is the last nanosecond of 1969."""
    nanoseconds = [0, -1, 1_704_067_199_123_456_789, -(2**63), None]
    batches.put(
        "a.parquet",
        parquet(
            at=pa.array(nanoseconds, pa.timestamp("ns")),
            utc=pa.array(nanoseconds, pa.timestamp("ns", "UTC")),
            day=pa.array(nanoseconds, pa.timestamp("ns")),
            number=pa.array([1, 2, 3, 4, 5], pa.int64()),
        ),
    )
    spec = feed(
        column("at", "timestamp", required=True, min="1900-01-01"),
        column("utc", "timestamp"),
        column("day", "date"),
        column("number", "bigint"),
        files={"format": "parquet"},
        reject_limit=1,
    )
    outcome = batches.run(spec, "*.parquet")
    assert outcome.error == ""
    moments = [
        datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999, datetime.UTC),
        datetime.datetime(2023, 12, 31, 23, 59, 59, 123_456, datetime.UTC),
    ]
    assert [tuple(row.values())[:4] for row in outcome.rows] == [
        (moment, moment, moment.date(), number) for number, moment in enumerate(moments, start=1)
    ]
    assert [(r["line"], r["rule"], r["value"]) for r in outcome.rejects] == [
        (4, "range", "1677-09-21 00:12:43.145224"),
        (5, "required", None),
    ]
