from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark_jobs import preprocess
from spark_jobs.feed import encode_feed
from spark_jobs.session import build_session
from spark_jobs.writer import file_count
from tests.spark_jobs.conftest import Batches
from tests.spark_jobs.feeds import column, feed

pytestmark = pytest.mark.slow

ORDERS = feed(
    column("id", "integer", required=True),
    column("customer", "varchar(20)"),
    reject_limit=0.5,
)


def test_spark_keeps_both_folders_open_without_sorting(spark: SparkSession) -> None:
    """It sorts the rest of the rows once as many files are open as it may have."""
    build_session("writers")
    assert int(str(spark.conf.get("spark.sql.maxConcurrentOutputFileWriters"))) > 2


def test_the_parquet_file_is_what_copy_expects(batches: Batches) -> None:
    spec = feed(
        column("a", "smallint"),
        column("b", "integer"),
        column("c", "bigint"),
        column("d", "numeric(9,2)"),
        column("e", "real"),
        column("f", "double precision"),
        column("g", "boolean"),
        column("h", "date"),
        column("i", "timestamp"),
        column("j", "char(1)"),
        column("k", "varchar(9)", optional=True),
    )
    url = batches.put(
        "a.csv", b"j,i,h,g,f,e,d,c,b,a\nx,2019-07-01 00:00:00.5,2019-07-01,t,1.5,2.5,3.25,4,5,6\n"
    )
    outcome = batches.run(spec)
    assert outcome.error == ""
    assert outcome.report is not None
    (part,) = outcome.report["parquet"]
    path = batches.folder.parent / part["url"].removeprefix("s3://lake/")
    file = pq.ParquetFile(path)
    assert file.schema_arrow.names == [*"abcdefghijk", "_batch_id", "_source_file", "_loaded_at"]
    moment = pa.timestamp("us", tz="UTC")
    assert file.schema_arrow.types == [
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.decimal128(9, 2),
        pa.float32(),
        pa.float64(),
        pa.bool_(),
        pa.date32(),
        moment,
        *[pa.string()] * 4,
        moment,
    ]
    stamp = file.schema.column(8)
    assert (stamp.physical_type, stamp.converted_type) == ("INT64", "TIMESTAMP_MICROS")
    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
    (row,) = outcome.rows
    assert (row["a"], row["j"], row["k"]) == (6, "x", None)
    assert (row["_batch_id"], row["_source_file"]) == ("20191001T000000", url)
    assert row["_loaded_at"].strftime("%Y-%m-%dT%H:%M:%SZ") == outcome.report["loaded_at"]
    assert row["_loaded_at"].microsecond == 0


def test_manifest_and_report_account_for_every_row(batches: Batches) -> None:
    a = batches.put("a.csv", b"id,customer\n1,Ann\nx,Bob\n,Cid\ny,Dan\n4,Eve\n5,Fay\n")
    b = batches.put("b.csv", b"customer,id\nGil,6\n")
    outcome = batches.run(ORDERS)
    report = outcome.report
    assert report is not None
    attempt = f"{batches.url}staged/run1/attempt-{report['attempt']}/"
    (part,) = report["parquet"]
    manifest = batches.folder / f"staged/run1/attempt-{report['attempt']}/manifest.json"
    assert {k: v for k, v in report.items() if k not in ("attempt", "loaded_at")} == {
        "source": "shop",
        "feed": "orders",
        "batch_id": "20191001T000000",
        "manifest": {
            "url": f"{attempt}manifest.json",
            "sha256": hashlib.sha256(manifest.read_bytes()).hexdigest(),
        },
        "raw_rows": 7,
        "written_rows": 4,
        "rejected_rows": 3,
        "files": [
            {"file": a, "raw_rows": 6, "written_rows": 3, "rejected_rows": 3},
            {"file": b, "raw_rows": 1, "written_rows": 1, "rejected_rows": 0},
        ],
        "rejects": [
            {"rule": "type", "column": "id", "rows": 2},
            {"rule": "required", "column": "id", "rows": 1},
        ],
        "parquet": [part],
    }
    stored = batches.folder.parent / part["url"].removeprefix("s3://lake/")
    assert part["bytes"] == stored.stat().st_size
    assert json.loads(manifest.read_bytes()) == {
        "entries": [
            {
                "url": part["url"],
                "mandatory": True,
                "meta": {"content_length": stored.stat().st_size},
            }
        ]
    }
    assert "type      id      2     'x'" in outcome.printed
    assert "4 rows written, 3 rejected" in outcome.printed


def test_nothing_but_the_files_of_the_batch_is_left(batches: Batches) -> None:
    batches.put("a.csv", b"id,customer\n1,Ann\nx,Bob\n")
    report = batches.run(ORDERS).report
    assert report is not None
    files = [path for path in batches.folder.rglob("*") if path.is_file()]
    attempt = f"attempt-{report['attempt']}"
    assert sorted((str(p.parent.relative_to(batches.folder)), p.suffix) for p in files) == [
        ("raw", ".csv"),
        (f"rejected/run1/{attempt}", ".parquet"),
        ("staged/run1", ".json"),
        (f"staged/run1/{attempt}", ".json"),
        (f"staged/run1/{attempt}/rejected=false", ".parquet"),
    ]
    assert not list(batches.folder.rglob("_temporary"))


def test_above_the_limit_rejects_are_kept_and_nothing_is_committed(batches: Batches) -> None:
    batches.put("a.csv", b"id,customer\n1,Ann\nx,Bob\ny,Cid\n")
    outcome = batches.run(ORDERS)
    assert outcome.code == 1
    assert outcome.report is None
    assert sorted(row["raw"] for row in outcome.rejects) == ["x,Bob", "y,Cid"]
    assert "type  id      2     'x'" in outcome.printed
    assert "2 of 3 rows (66.67%) break the contract of shop.orders" in outcome.error
    assert "more than its reject_limit of 50.00%" in outcome.error
    assert f"{batches.url}rejected/run1/attempt-" in outcome.error


def test_a_share_at_the_limit_is_within_it(batches: Batches) -> None:
    batches.put("a.csv", b"id,customer\n1,Ann\nx,Bob\n")
    assert batches.run(ORDERS).code == 0


@pytest.mark.parametrize("pattern", ["*.csv", "2019/*.csv"])
def test_no_file_is_a_failure_that_names_the_pattern(batches: Batches, pattern: str) -> None:
    batches.put("_hidden.csv", b"id,customer\n1,Ann\n")
    outcome = batches.run(ORDERS, pattern)
    assert (outcome.code, outcome.stored) == (1, [])
    assert f"no file matches {batches.url}raw/{pattern}" in outcome.error
    assert "files.pattern" in outcome.error


def test_a_header_off_the_contract_stops_the_batch_before_anything_is_written(
    batches: Batches,
) -> None:
    batches.put("a.csv", b"id,customer\n1,Ann\n")
    url = batches.put("b.csv", b"id,client\n1,Ann\n")
    outcome = batches.run(ORDERS)
    assert (outcome.code, outcome.stored) == (1, [])
    assert f"{url} has no field for column 'customer' of shop.orders" in outcome.error


def test_a_batch_without_rows_has_an_empty_manifest(batches: Batches) -> None:
    batches.put("a.csv", b"id,customer\n")
    outcome = batches.run(ORDERS)
    report = outcome.report
    assert report is not None
    assert (report["raw_rows"], report["parquet"], outcome.rows) == (0, [], [])
    manifest = batches.folder / f"staged/run1/attempt-{report['attempt']}/manifest.json"
    assert json.loads(manifest.read_bytes()) == {"entries": []}


def test_when_every_row_is_rejected_the_manifest_is_empty(batches: Batches) -> None:
    batches.put("a.csv", b"id,customer\nx,Ann\n")
    report = batches.run({**ORDERS, "reject_limit": 1}).report
    assert report is not None
    assert (report["written_rows"], report["rejected_rows"], report["parquet"]) == (0, 1, [])


def test_rejects_say_where_then_why_then_what(batches: Batches) -> None:
    batches.put("a.csv", b"id,customer\n1,Ann\nx,Bob\n")
    batches.put("empty.csv", b"")
    spec = {**ORDERS, "reject_limit": 1, "unreadable_files": "reject"}
    of_row, of_file = sorted(batches.run(spec).rejects, key=lambda reject: reject["rule"] == "file")
    where_and_why = ["_source_file", "line", "rule", "column"]
    assert list(of_row) == [*where_and_why, "value", "raw", "reason", "_batch_id"]
    assert list(of_file) == list(of_row)
    assert (of_row["line"], of_file["line"]) == (3, None)


def test_two_attempts_give_the_same_rows_in_folders_of_their_own(batches: Batches) -> None:
    batches.put("a.csv", b"id,customer\n1,Ann\n2,\nx,Bob\n")
    batches.put("b.csv", b"id,customer\n3,Cid\n")

    def rows(outcome: Any) -> list[dict[str, Any]]:
        kept = [{k: v for k, v in row.items() if k != "_loaded_at"} for row in outcome.rows]
        return sorted(kept, key=lambda row: row["id"])

    first, second = batches.run(ORDERS), batches.run(ORDERS)
    assert rows(first) == rows(second) != []
    assert first.rejects == second.rejects != []
    assert first.report is not None
    assert second.report is not None
    assert first.report["attempt"] != second.report["attempt"]


def test_file_names_of_all_kinds_are_read_and_reported_as_they_are(batches: Batches) -> None:
    names = ["a b.csv", "c+d.csv", "100%.csv", "%20.csv", "é.csv", "[1].csv", "{2}.csv"]
    urls = [
        batches.put(name, f"id,customer\n{at},{name}\n".encode()) for at, name in enumerate(names)
    ]
    outcome = batches.run(ORDERS)
    assert outcome.error == ""
    assert sorted((row["id"], row["_source_file"]) for row in outcome.rows) == list(enumerate(urls))


def test_many_columns_and_a_long_line(batches: Batches) -> None:
    names = [f"c{at}" for at in range(120)]
    spec = feed(*(column(name, "varchar(65535)", required=True) for name in names))
    long = "x" * 60_000 + '""' + "y" * 5_000
    batches.put("a.csv", f'{",".join(names)}\n{",".join(["a"] * 119)},"{long}"\n'.encode())
    (row,) = batches.run(spec).rows
    assert (row["c0"], len(row["c119"])) == ("a", 65_001)


def test_a_pattern_that_java_does_not_know_is_named(batches: Batches) -> None:
    batches.put("a.csv", b"day\n2019-01-01\n")
    outcome = batches.run(feed(column("day", "date", formats=["YYYY-MM-dd"])))
    assert outcome.code == 1
    assert "column 'day'" in outcome.error
    assert "'YYYY-MM-dd'" in outcome.error


def test_a_feed_that_is_none_fails_before_spark_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = encode_feed({"source": "s"})
    arguments = ["--feed", spec, "--batch-id", "b", "--input", "x", "--output", "y"]
    assert preprocess.main([*arguments, "--rejected", str(tmp_path)]) == 1
    assert "the feed specification lacks 'feed'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("megabytes", "cores", "slices", "files"),
    [
        (1, 2, 1, 1),
        (15, 2, 1, 1),
        (20, 2, 1, 2),
        (80, 2, 1, 2),
        (300, 2, 1, 4),
        (300, 100, 1, 37),
        (1, 2, 16, 1),
        (10, 2, 16, 10),
        (20, 2, 16, 16),
    ],
)
def test_files_are_large_and_cores_and_slices_are_used(
    megabytes: int, cores: int, slices: int, files: int
) -> None:
    assert file_count(megabytes * 2**20, cores, slices) == files
