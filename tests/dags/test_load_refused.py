"""What a load refuses, before COPY or by it: it loads nothing and says what is wrong."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from elt_lib import preflight
from elt_lib.load import LoadError, PermanentLoadError, Rejects, Report
from elt_lib.preflight import PreflightError
from tests.dags.lake import at, parquet

pytestmark = pytest.mark.slow


def test_a_value_too_long_names_file_row_column_and_value_and_loads_nothing(lake):
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "new")], [(2, "fits"), (3, "too long")])
    with pytest.raises(PreflightError) as caught:
        lake.load("b1", report)
    assert (
        "part-1.parquet: column note is string with a value of 8 bytes in the file "
        "(row 2: 'too long'), 5 bytes in the table"
    ) in str(caught.value)
    assert lake.copies() == ["completed"]
    assert lake.rows() == [("b1", 1, "old")]


MUTATIONS = {
    "type": lambda table: table.set_column(0, "order_id", table["order_id"].cast(pa.int32())),
    "order": lambda table: table.select([1, 0, 2, 3, 4]),
    "name": lambda table: table.rename_columns(["id", *table.column_names[1:]]),
    "missing": lambda table: table.drop_columns("note"),
    "extra": lambda table: table.append_column("extra", pa.array([1.5])),
    "too long": lambda table: table.set_column(1, "note", pa.array(["toolong"])),
}
NAMED = {
    "type": "column order_id is int32 in the file, bigint in the table",
    "order": "column 1 is note (string in the file), but must be order_id (bigint in the table)",
    "name": "lacks column order_id (bigint in the table) and has column id (int64 in the file)",
    "missing": "lacks column note (varchar(5) in the table)",
    "extra": "has column extra (double in the file) too many",
    "too long": "column note is string with a value of 7 bytes in the file (row 1: 'toolong'), 5",
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutated_column_is_caught_before_copy_with_both_types(lake, mutation):
    lake.load("b1", lake.write("b1", [(1, "old")]))
    before = (lake.rows(), lake.ledger())
    report = lake.rewrite(lake.write("b1", [(1, "a")], [(2, "b")]), 1, MUTATIONS[mutation])
    with pytest.raises(PreflightError) as caught:
        lake.load("b1", report)
    assert f"part-1.parquet: {NAMED[mutation]}" in str(caught.value)
    assert "nothing was loaded" in str(caught.value)
    assert lake.copies() == ["completed"]  # the first load's
    assert (lake.rows(), lake.ledger()) == before
    # The control: the file as it was is loaded.
    assert lake.load("b1", lake.rewrite(report, 1, None)) == 2


def test_what_only_copy_finds_is_explained_and_not_tried_again(lake, monkeypatch):
    monkeypatch.setattr(preflight, "LENGTHS_BUDGET", 0)
    monkeypatch.setattr(preflight.check_lengths, "__defaults__", (0,))
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "new")], [(2, "too long")])
    with pytest.raises(PermanentLoadError) as caught:
        lake.load("b1", report)
    message = str(caught.value)
    assert "was not loaded, its transaction was rolled back: Spectrum Scan Error" in message
    assert "part-1.parquet, line 1, column note (varchar):" in message
    assert "value 'too long'" in message
    assert "Correct the raw file or the contract, then clear the preprocess task." in message
    assert lake.copies() == ["completed", "aborted"]
    assert lake.rows() == [("b1", 1, "old")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


def test_a_sensitive_value_is_in_no_message(lake, monkeypatch):
    order_id, note = lake.feed.columns
    feed = replace(lake.feed, columns=(order_id, replace(note, sensitive=True)))
    report = lake.write("b1", [(1, "too long")])
    with pytest.raises(PreflightError, match=r"8 bytes in the file \(row 1: 'to…'\)"):
        lake.load("b1", report, feed=feed)
    monkeypatch.setattr(preflight.check_lengths, "__defaults__", (0,))
    with pytest.raises(PermanentLoadError) as caught:
        lake.load("b1", report, feed=feed)
    assert "line 1, column note" in str(caught.value)
    assert "(not shown: sensitive) [" in str(caught.value)
    assert "too lo" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_file_deleted_after_the_manifest_loads_nothing(lake):
    report = lake.write("b1", [(1, "a")], [(2, "b")])
    lake.delete(report, "part-1.parquet")
    with pytest.raises(ClientError, match="NoSuchKey"):
        lake.load("b1", report)
    assert (lake.rows(), lake.ledger(), lake.copies()) == ([], [], [])


def test_a_file_deleted_between_preflight_and_copy_loads_nothing(lake):
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "a")], [(2, "b")])

    reached = at("before copy", lambda: lake.delete(report, "part-1.parquet"))
    with pytest.raises(PermanentLoadError) as caught:
        lake.load("b1", report, reached=reached)
    assert f"{report.manifest_url}: The specified key does not exist" in str(caught.value)
    assert "part-1.parquet" in str(caught.value)
    assert "clear the preprocess task, which writes it again" in str(caught.value)
    assert lake.rows() == [("b1", 1, "old")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


def test_a_file_written_again_is_caught(lake):
    report = lake.write("b1", [(1, "a")])
    key = report.manifest_url.removeprefix(f"s3://{lake.bucket}/")
    other = parquet(lake.feed, "b1", [(1, "a"), (2, "b")] * 50, report.loaded_at)
    lake.put(key.replace("manifest.json", "part-0.parquet"), other)
    with pytest.raises(PreflightError, match="it was written again"):
        lake.load("b1", report)
    assert lake.rows() == []


def test_another_manifest_under_the_same_name_is_caught(lake):
    report = lake.write("b1", [(1, "a")])
    lake.put(report.manifest_url.removeprefix(f"s3://{lake.bucket}/"), b'{"entries": []}')
    with pytest.raises(LoadError, match="is not the manifest that its report describes"):
        lake.load("b1", report)


def test_rows_that_the_report_does_not_know_are_caught(lake):
    report = replace(lake.write("b1", [(1, "a")]), written_rows=2)
    with pytest.raises(LoadError, match="lists files with 1 rows, its report says 2"):
        lake.load("b1", report)
    assert lake.rows() == []


REPORT = {
    "manifest": {"url": "s3://lake/m", "sha256": "0"},
    "files": [],
    "raw_rows": 3,
    "rejected_rows": 2,
    "written_rows": 1,
    "loaded_at": "2026-01-01T00:00:00Z",
    "rejects": [{"rule": "type", "column": "a", "rows": 2}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"written_rows": 2}, r"3 raw rows, 2 rejected \(2 by rule\), 2 written"),
        ({"rejects": []}, r"3 raw rows, 2 rejected \(0 by rule\), 1 written"),
    ],
)
def test_a_report_that_does_not_add_up_is_refused(change, said):
    assert Report.parse(json.dumps(REPORT).encode()).rejects == (Rejects("type", "a", 2),)
    with pytest.raises(PermanentLoadError, match=said):
        Report.parse(json.dumps(REPORT | change).encode())
