"""Typed files, packed files, files of many blocks, and what a log may show."""

from __future__ import annotations

import datetime
import gzip
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_jobs import rejects, writer
from tests.spark_jobs.conftest import Batches
from tests.spark_jobs.feeds import column, feed

pytestmark = pytest.mark.slow


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_parquet_files_of_several_schemas_are_read_by_the_same_rules(batches: Batches) -> None:
    spec = feed(
        column("vendor_id", "smallint", required=True, aliases=["VendorID"]),
        column("picked_up_at", "timestamp", aliases=["lpep_pickup_datetime"], formats=["M/d/yyyy"]),
        column("passengers", "integer", null_values=["", "NaN"], max="9"),
        column("total", "numeric(9,2)", decimal=","),
        column("day", "date", optional=True, formats=["d.M.yyyy"]),
        column("flag", "varchar(1)", optional=True),
        column("rest", "super", extra=True),
        extra_columns="capture",
        reject_limit="3 rows",
        files={"format": "parquet"},
    )
    moment = datetime.datetime(2024, 1, 31, 23, 59, 58, 500_000)
    batches.put(
        "2024.parquet",
        parquet(
            VendorID=pa.array([2, None, 1], pa.int32()),
            lpep_pickup_datetime=pa.array([moment, moment, None], pa.timestamp("us")),
            passengers=pa.array([1.0, 2.0, float("nan")]),
            total=pa.array([1e7 - 0.01, 1.0, -3.5]),
            fee=pa.array([None, 1.5, 2.5]),
            tags=pa.array([["a"], None, None], pa.list_(pa.string())),
        ),
    )
    batches.put(
        "2016.parquet",
        parquet(
            VendorID=pa.array(["7", "x"]),
            lpep_pickup_datetime=pa.array(["7/1/2016", None]),
            passengers=pa.array([10, 3], pa.int64()),
            total=pa.array([Decimal("1.005"), None], pa.decimal128(38, 10)),
            day=pa.array([datetime.date(2016, 7, 1), None]),
            flag=pa.array([b"N", None], pa.binary()),
        ),
    )
    outcome = batches.run(spec, "*.parquet")
    assert outcome.error == ""
    utc = moment.replace(tzinfo=datetime.UTC)
    kept = [tuple(row.values())[:7] for row in outcome.rows]
    assert sorted(kept, key=str) == [
        (1, None, None, Decimal("-3.50"), None, None, [("fee", "2.5")]),
        (2, utc, 1, Decimal("9999999.99"), None, None, [("tags", '["a"]')]),
    ]
    found = {(r["rule"], r["column"], r["value"], r["line"]) for r in outcome.rejects}
    assert found == {
        ("required", "vendor_id", None, 2),
        ("type", "vendor_id", "x", 2),
        ("range", "passengers", "10", 1),
    }


def test_lines_are_exact_in_files_of_many_blocks(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejects, "_LEAST_BLOCK", 512)
    monkeypatch.setattr(rejects, "_BLOCK", 512)
    lines = ["id,name", *(f"{at},{'n' * (at % 40)}" for at in range(2, 400))]
    broken = [2, 3, 77, 78, 200, 399]
    for at in broken:
        lines[at - 1] = f"x{at},bad"
    lines[100] = ""
    batches.put("a b.csv", "\r\n".join(lines).encode())
    batches.put("c.csv", b"id,name\n1,a\nx3,b\n")
    spec = feed(column("id", "integer"), column("name", "varchar(40)"), reject_limit="9 rows")
    outcome = batches.run(spec)
    assert outcome.error == ""
    places = {(r["_source_file"][-5:], r["line"]): r["raw"] for r in outcome.rejects}
    assert places == {("b.csv", at): f"x{at},bad" for at in broken} | {("c.csv", 3): "x3,b"}


def test_a_packed_file_that_was_cut_off_is_named(batches: Batches) -> None:
    whole = gzip.compress(b"id,name\n" + b"1,Ann\n" * 50_000, mtime=0)
    batches.put("a.csv", b"id,name\n1,a\n")
    url = batches.put("b.csv.gz", whole[: len(whole) - 40])
    outcome = batches.run(feed(column("id", "integer"), column("name", "varchar(9)")), "*")
    assert (outcome.code, outcome.report) == (1, None)
    assert f"preprocess failed: {url} is broken (" in outcome.error
    assert "upload it again" in outcome.error


def test_an_unreadable_file_fails_the_batch_unless_the_contract_says_else(
    batches: Batches,
) -> None:
    batches.put("a.csv", b"id\n1\n")
    url = batches.put("b.csv", b"")
    outcome = batches.run(feed(column("id", "integer")))
    assert (outcome.code, outcome.stored) == (1, [])
    assert f"preprocess failed: {url} is empty" in outcome.error
    assert "`unreadable_files: reject`" in outcome.error
    nothing = batches.run(feed(column("id", "integer"), unreadable_files="reject"), "b.csv")
    assert nothing.code == 1
    assert "1 of 1 rows (100.00%)" in nothing.error


def test_an_absolute_limit_and_masked_values(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FEW_REJECTS", 1)  # counted from what was stored
    batches.put("a.csv", b"id,iban\n1,DE02120300000000202051\n2,secret-and-too-long-by-far\n,x1\n")
    columns = (
        column("id", "integer", required=True),
        column("iban", "varchar(22)", sensitive=True),
    )
    good = batches.run(feed(*columns, reject_limit="2 rows"))
    assert (good.code, good.error) == (0, "")
    assert "'se… (26 characters)'" in good.printed
    assert "secret" not in good.printed
    assert ",x1" not in good.printed
    assert {row["value"] for row in good.rejects} == {"secret-and-too-long-by-far", None}
    bad = batches.run(feed(*columns, reject_limit="1 row"))
    assert "more than its reject_limit of 1 rows" in bad.error
    assert "secret" not in bad.error


def test_the_parquet_is_spread_evenly_over_slices(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_LEAST_SLICE_BYTES", 1_000)
    rows = b"".join(b"%d,%s\n" % (at, b"n" * (at % 7)) for at in range(4_000))
    batches.put("large.csv", b"id,name\n" + rows)
    for number in range(3):
        batches.put(f"small{number}.csv", b"id,name\n" + rows[:9_000].rpartition(b"\n")[0] + b"\n")
    outcome = batches.run(feed(column("id", "integer"), column("name", "varchar(9)")), slices=4)
    assert outcome.report is not None
    sizes = [part["bytes"] for part in outcome.report["parquet"]]
    assert len(sizes) == 4
    assert max(sizes) < 2 * min(sizes)
