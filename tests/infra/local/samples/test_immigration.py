"""The generated arrivals: the same every time, in the shapes of the published files."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from infra.local.samples.immigration import Answers, generate
from infra.local.samples.immigration_month import SAS_EPOCH, month_table, write_month
from infra.local.samples.sample import Sample

COLUMNS = [
    "cicid",
    "i94yr",
    "i94mon",
    "i94cit",
    "i94res",
    "i94port",
    "arrdate",
    "i94mode",
    "i94addr",
    "depdate",
    "i94bir",
    "i94visa",
    "count",
    "dtadfile",
    "visapost",
    "occup",
    "entdepa",
    "entdepd",
    "entdepu",
    "matflag",
    "biryear",
    "dtaddto",
    "gender",
    "insnum",
    "airline",
    "admnum",
    "fltno",
    "visatype",
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample[Answers]:
    return generate(tmp_path_factory.mktemp("sample"), arrivals=1500)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", arrivals=300)
    two = generate(tmp_path / "two", arrivals=300)
    other = generate(tmp_path / "other", arrivals=300, seed=1)
    files = [[file for batch in made.batches for file in batch.files] for made in (one, two, other)]
    assert [file.key for file in files[0]] == [file.key for file in files[1]]
    assert all(a.path.read_bytes() == b.path.read_bytes() for a, b in zip(*files[:2], strict=True))
    assert files[0][0].path.read_bytes() != files[2][0].path.read_bytes()
    assert one.answers == two.answers


def test_each_layout_is_there(sample: Sample[Answers]) -> None:
    april, may = sample.of_feed("arrivals")
    saved, converted = (file.path.read_text(encoding="utf-8") for file in april.files)
    assert saved.splitlines()[0] == ",".join(["", *COLUMNS])
    assert converted.splitlines()[0] == ",".join(COLUMNS)
    numbers = {row["admnum"] for row in csv.DictReader(io.StringIO(saved))}
    assert all(number.startswith("58000") and number.endswith(".0") for number in numbers)
    written = {row["admnum"] for row in csv.DictReader(io.StringIO(converted))}
    assert all(number.startswith("5.8") and number.endswith("E10") for number in written)
    schema = pq.read_schema(may.files[0].path)
    assert schema.names == COLUMNS
    assert {str(schema.field(name).type) for name in COLUMNS} == {"double", "string"}


def test_rows_add_up(sample: Sample[Answers]) -> None:
    april, may = sample.of_feed("arrivals")
    lines = [len(file.path.read_text(encoding="utf-8").splitlines()) - 1 for file in april.files]
    assert sum(lines) == april.raw_rows == 1500 + april.repeated
    assert pq.read_metadata(may.files[0].path).num_rows == may.raw_rows
    assert may.raw_rows == 1500 + may.repeated + may.late
    assert may.late == april.superseded > 0
    assert set(april.rejected) == {"length", "malformed", "range", "required", "type"}
    assert set(may.rejected) == {"length", "range", "required", "type"}
    answers = sample.answers
    facts = april.fact_rows + may.fact_rows
    for counts in (answers.by_state, answers.by_purpose, answers.by_citizenship):
        assert sum(counts.values()) == facts


def test_a_month_of_any_size_is_made_of_columns(tmp_path: Path) -> None:
    write_month(tmp_path / "a.parquet", date(2016, 2, 1), 5000)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.equals(month_table(date(2016, 2, 1), 5000))
    assert not table.equals(month_table(date(2016, 2, 1), 5000, seed=1))
    first = (date(2016, 2, 1) - SAS_EPOCH).days
    days = pc.min_max(table["arrdate"]).as_py()
    assert days == {"min": first, "max": first + 28}
    for name in ("cicid", "admnum"):
        assert pc.count_distinct(table[name]).as_py() == 5000
    assert 0.1 < table["gender"].null_count / 5000 < 0.18
    assert 0.03 < table["depdate"].null_count / 5000 < 0.07
    until = dict(zip(table["visatype"].to_pylist(), table["dtaddto"].to_pylist(), strict=True))
    assert until["F1"] == "D/S"
    assert len(until["WT"]) == 8
