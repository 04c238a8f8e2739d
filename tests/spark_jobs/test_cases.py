"""Each folder in cases/ is a feed, its raw files and what becomes of their rows.

Add a case by adding a folder: feed.json, raw/*, and expected.json with `rows` and `rejects`.
Values are compared as text; `file` is the raw file's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.spark_jobs.conftest import Batches

pytestmark = pytest.mark.slow

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/feed.json"))
LOADERS = {"_batch_id", "_loaded_at"}


def test_there_are_cases() -> None:
    assert len(CASES) >= 12


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(batches: Batches, case: Path) -> None:
    spec = json.loads((case / "feed.json").read_text())
    expected = json.loads((case / "expected.json").read_text())
    for path in sorted((case / "raw").iterdir()):
        batches.put(path.name, path.read_bytes())
    outcome = batches.run(spec, "*")
    assert (outcome.code, outcome.error) == (0, "")
    assert _plain(outcome.rows) == _sorted(expected["rows"])
    assert _plain(outcome.rejects) == _sorted(expected["rejects"])
    assert outcome.report is not None
    files = {file["file"].rpartition("/raw/")[2]: file for file in outcome.report["files"]}
    # An archive stands for the files in it.
    assert {name.partition("!/")[0] for name in files} == {p.name for p in (case / "raw").iterdir()}
    for name, file in files.items():
        assert file["written_rows"] == sum(row["file"] == name for row in expected["rows"])
        assert file["rejected_rows"] == sum(row["file"] == name for row in expected["rejects"])
        assert file["raw_rows"] == file["written_rows"] + file["rejected_rows"]


def _plain(rows: list[dict[str, Any]]) -> list[Mapping[str, str | None]]:
    plain = [
        {
            "file" if key == "_source_file" else key: None if value is None else str(value)
            for key, value in row.items()
            if key not in LOADERS
        }
        for row in rows
    ]
    return _sorted([{k: _short(v) for k, v in row.items()} for row in plain])


def _short(text: str | None) -> str | None:
    """Leave out where the test's own folder is."""
    return re.sub(r"s3://[^ ]*/raw/", "", text) if text else text


def _sorted(rows: list[Mapping[str, str | None]]) -> list[Mapping[str, str | None]]:
    return sorted(rows, key=lambda row: sorted((key, value or "") for key, value in row.items()))
