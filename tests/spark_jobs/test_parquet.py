"""What is particular to Parquet as a raw format."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import DoubleType

from spark_jobs.feed import parse_feed
from spark_jobs.session import build_session
from spark_jobs.typed_values import convert_typed
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


def test_typed_days_of_sas_are_what_their_texts_are(batches: Batches) -> None:
    """A number is counted from 1960 at once, a text is read by the column's formats."""
    first = -715_509.0  # 0001-01-01
    days = [0.0, -1.0, 20_545.0, first, None, 20_545.5, first - 1, 3e6, 1e19]
    numbers = [0 if day is None else day for day in days]
    spec = feed(
        column("id", "integer"),
        column("day", "date", formats=["sas_date", "yyyy-MM-dd"]),
        column("at", "timestamp", formats=["sas_date"]),
        column("compact", "date", formats=["yyyyMMdd", "sas_date"], optional=True),
        files={"format": ["parquet", "csv"]},
        reject_limit=1,
    )
    ids = pa.array(range(len(days)), pa.int32())
    batches.put("a.parquet", parquet(id=ids, day=pa.array(days), at=pa.array(numbers)))
    lines = (f"{at},{day},{numbers[at]}" for at, day in enumerate(days))
    batches.put("b.csv", "\n".join(["id,day,at", *lines, ""]).replace("None", "").encode())
    outcome = batches.run(spec, "*")
    assert outcome.error == ""
    midnight = datetime.datetime(2016, 4, 1, tzinfo=datetime.UTC)
    april, zero = datetime.date(2016, 4, 1), datetime.date(1960, 1, 1)
    good = {
        (0, zero, zero),
        (1, datetime.date(1959, 12, 31), datetime.date(1959, 12, 31)),
        (2, april, april),
        (3, datetime.date.min, datetime.date.min),
        (4, None, zero),
    }
    bad = {("day", day) for day in days[5:]}
    for file in ("a.parquet", "b.csv"):
        rows = [row for row in outcome.rows if row["_source_file"].endswith(file)]
        assert {(row["id"], row["day"], row["at"].date()) for row in rows} == good
        rejects = [row for row in outcome.rejects if row["_source_file"].endswith(file)]
        assert {(row["column"], float(row["value"])) for row in rejects} == bad
        assert all("; at cannot be read as timestamp by" in row["reason"] for row in rejects)
    values = {row["value"] for row in outcome.rejects if row["_source_file"].endswith("t")}
    assert values == {"20545.5", "-715510", "3000000", "1.0E19"}
    batches.put(
        "c.parquet",
        parquet(
            id=pa.array([9, 10], pa.int32()),
            day=pa.array([20_545, -(2**31)], pa.int32()),
            at=pa.array([20_545, 2**63 - 1], pa.int64()),
            compact=pa.array([20_160_401.0, None]),
        ),
    )
    whole = batches.run(spec, "c.parquet")
    assert [tuple(row.values())[:4] for row in whole.rows] == [(9, april, midnight, april)]
    assert [(row["line"], row["value"]) for row in whole.rejects] == [(2, str(-(2**31)))]


def test_a_value_and_the_check_on_it_are_one_conversion(spark: SparkSession) -> None:
    """Spark evaluates an expression once that stands twice; it must not rewrite one of the two."""
    build_session("one conversion")
    (amount,) = parse_feed(feed(column("amount", "numeric(9,2)"))).columns
    value = convert_typed("x", DoubleType(), amount)
    rows = spark.range(9).selectExpr("cast(id as double) as x")
    rows = rows.selectExpr(f"{value} as amount", f"{value} is null as broken")
    jvm_rows: Any = rows._jdf
    plan = str(jvm_rows.queryExecution().optimizedPlan())
    assert plan.count("isnull(if") == 1, plan
