"""Typed files, packed files, files of many blocks, and what a log may show."""

from __future__ import annotations

import datetime
import gzip
from decimal import Decimal

import pyarrow as pa
import pytest

from spark_jobs import writer
from tests.spark_jobs.conftest import Batches
from tests.spark_jobs.feeds import column, feed, parquet

pytestmark = pytest.mark.slow


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


def test_a_feed_may_have_files_of_several_formats(batches: Batches) -> None:
    """Each is read by its own rules: `1.5` is fifteen in this feed's text, not in its Parquet."""
    spec = feed(
        column("id", "integer", required=True, aliases=["Id"]),
        column("fee", "numeric(9,2)", formats=["#.##0,#"]),
        column("at", "timestamp", formats=["d.M.yyyy"]),
        column("note", "varchar(20)", optional=True),
        files={
            "format": ["parquet", "csv", "jsonl"],
            "delimiter": ";",
            "loose_headers": True,
            "multiline": True,
        },
        reject_limit="9 rows",
    )
    moment = datetime.datetime(2024, 1, 31, 23, 59, 58)
    csv = b'ID;fee;at;note\r\n1;1.000,5;31.1.2024;"two\r\nlines"\r\nx;1.5;1.2.2024;\r\n'
    batches.put("2013.CSV.gz", gzip.compress(csv, mtime=0))
    line = b'{"id": 2, "fee": "2,5", "at": "1.2.2024"}\n'
    batches.put("2014.jsonl", line + line.replace(b"2,", b"null,", 1))
    batches.put(
        "2024.parquet",
        parquet(
            id=pa.array([3, None], pa.int64()), fee=pa.array([1.5, 2.5]), at=pa.array([moment] * 2)
        ),
    )
    outcome = batches.run(spec, "20*")
    assert outcome.error == ""
    found = {row["id"]: (row["fee"], str(row["at"]), row["note"]) for row in outcome.rows}
    assert found == {
        1: (Decimal("1000.50"), "2024-01-31 00:00:00+00:00", "two\nlines"),
        2: (Decimal("2.50"), "2024-02-01 00:00:00+00:00", None),
        3: (Decimal("1.50"), "2024-01-31 23:59:58+00:00", None),
    }
    rejects = {
        (r["_source_file"].rpartition(".")[2], r["line"], r["rule"], r["column"], r["raw"])
        for r in outcome.rejects
    }
    assert rejects == {
        ("gz", 4, "type", "id", "x;1.5;1.2.2024;"),
        ("jsonl", 2, "required", "id", '{"id": null, "fee": "2,5", "at": "1.2.2024"}'),
        ("parquet", 2, "required", "id", '{"fee":2.5,"at":"2024-01-31T23:59:58.000"}'),
    }
    url = batches.put("2025.xyz", b"id\n1\n")
    refused = batches.run(spec, "20*")
    assert f"preprocess failed: {url}: the feed has files of several formats" in refused.error
    assert "ends with none of .parquet, .pq, .csv" in refused.error


def test_a_batch_has_one_format_where_the_contract_says_so(batches: Batches) -> None:
    spec = feed(column("id", "integer"), files={"format": ["parquet", "csv"], "one_format": True})
    csv = batches.put("2016.csv", b"id\n1\n")
    typed = batches.put("2016.parquet", parquet(id=pa.array([1])))
    refused = batches.run(spec, "2016*")
    assert (
        f"preprocess failed: {typed} and {csv}: one batch has files of several formats"
        in refused.error
    )
    assert "Take the files of all formats but one out of the batch" in refused.error
    assert [row["id"] for row in batches.run(spec, "2016.c*").rows] == [1]


def test_lines_are_exact_in_files_of_many_blocks(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_LEAST_SLICE_BYTES", 200)
    lines = ["id,name", *(f"{at},{'n' * (at % 40)}" for at in range(2, 400))]
    broken = [2, 3, 77, 78, 200, 399]
    for at in broken:
        lines[at - 1] = f"x{at},bad"
    lines[100] = ""
    batches.put("a b.csv", "\r\n".join(lines).encode())
    batches.put("c.csv", b"id,name\n1,a\nx3,b\n")
    batches.put("d.csv", b"id,name\n1,a\n")
    spec = feed(column("id", "integer"), column("name", "varchar(40)"), reject_limit="9 rows")
    outcome = batches.run(spec, slices=4)  # in sixteen pieces
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
    for number in range(40):
        batches.put(
            f"many{number:02}.csv", b"id,name\n" + rows[:3_000].rpartition(b"\n")[0] + b"\n"
        )
    batches.put("tiny.csv", b"id,name\n1,n\n2,n\n")
    spec = feed(column("id", "integer"), column("name", "varchar(9)"))
    for pattern, files in (("[ls]*.csv", 4), ("many*.csv", 4), ("tiny.csv", 1)):
        report = batches.run(spec, pattern, slices=4).report
        assert report is not None
        sizes = [part["bytes"] for part in report["parquet"]]
        assert len(sizes) == files, pattern
        assert max(sizes) < 2 * min(sizes), pattern


def test_other_line_ends_and_encodings_and_nul_bytes_have_their_outcomes(batches: Batches) -> None:
    batches.put("cr.csv", b"id,name\r1,Ann\rx,Bob\r2,Cid")
    batches.put("nul.csv", b"id,name\n3,D\0n\n")
    batches.put("late_nul.csv", b"id,name\n" + b"4,Eve\n" * 12_000 + b"5,F\0y\n6,Gil\n")
    batches.put("utf16.csv", "id,name\n7,Hal\n".encode("utf-16"))
    columns = column("id", "integer"), column("name", "varchar(9)")
    spec = feed(*columns, unreadable_files="reject", reject_limit="9 rows")
    outcome = batches.run(spec)
    assert outcome.error == ""
    kept = {(row["_source_file"].rpartition("/")[2], row["id"]) for row in outcome.rows}
    assert kept == {("cr.csv", 1), ("cr.csv", 2), ("late_nul.csv", 4), ("late_nul.csv", 6)}
    assert len(outcome.rows) == 2 + 12_001
    found = {
        r["_source_file"].rpartition("/")[2]: (r["rule"], r["line"], r["raw"], r["reason"])
        for r in outcome.rejects
    }
    assert found["cr.csv"] == ("type", 3, "x,Bob", "id cannot be read as integer")
    nul = ("encoding", 12_002, "5,F\0y", "the record holds NUL characters")
    assert found["late_nul.csv"] == nul
    assert [found[name][:3] for name in ("nul.csv", "utf16.csv")] == [("file", None, None)] * 2
    assert "it holds NUL bytes" in found["nul.csv"][3]
    assert "`encoding: utf-16` and `multiline: true`" in found["utf16.csv"][3]
    files = {"encoding": "utf-16", "multiline": True}
    wide = batches.run(feed(*columns, files=files), "utf16.csv")
    assert (wide.error, [(row["id"], row["name"]) for row in wide.rows]) == ("", [(7, "Hal")])


def test_typed_values_keep_the_rules_of_their_texts(batches: Batches) -> None:
    early = datetime.datetime(2024, 1, 31, 23, 59, 58)
    batches.put(
        "a.parquet",
        parquet(
            small=pa.array([1, 40_000, 2, 3, 4, 5], pa.int32()),
            whole=pa.array([1.0, 2.0, 2.5, 1e19, float("nan"), None]),
            money=pa.array([1.005, 2.0, 3.0, 1e9, float("inf"), None]),
            day=pa.array([early] * 6, pa.timestamp("us")),
            real=pa.array([0.5, 1.0, float("nan"), 1.0, 1.0, None], pa.float32()),
            at=pa.array([early.date()] * 6),
        ),
    )
    spec = feed(
        column("small", "smallint", required=True, min="1"),
        column("whole", "bigint"),
        column("money", "numeric(5,2)"),
        column("day", "date"),
        column("real", "real"),
        column("at", "timestamp"),
        files={"format": "parquet"},
        reject_limit=1,
    )
    outcome = batches.run(spec, "*.parquet")
    assert outcome.error == ""
    midnight = datetime.datetime(2024, 1, 31, tzinfo=datetime.UTC)
    assert [tuple(row.values())[:6] for row in outcome.rows] == [
        (1, 1, Decimal("1.01"), early.date(), 0.5, midnight),
        (5, None, None, early.date(), None, midnight),
    ]
    assert {(r["line"], r["column"], r["value"], r["reason"]) for r in outcome.rejects} == {
        (2, "small", "40000", "small cannot be read as smallint"),
        (3, "whole", "2.5", "whole cannot be read as bigint; real cannot be read as real"),
        (
            4,
            "whole",
            "1.0E19",
            "whole cannot be read as bigint; money cannot be read as numeric(5,2)",
        ),
        (5, "whole", "NaN", "whole cannot be read as bigint; money cannot be read as numeric(5,2)"),
    }
