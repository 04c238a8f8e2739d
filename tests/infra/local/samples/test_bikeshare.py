"""The generated trips: deterministic, and their files say what the sample says of them."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from infra.local.samples.bikeshare import generate
from infra.local.samples.bikeshare_layouts import NEW_HEADER, OLD_HEADER
from infra.local.samples.bikeshare_stations import LISTED, STATIONS
from infra.local.samples.sample import Batch, Sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return generate(tmp_path_factory.mktemp("sample"), trips=9000)


def read(batch: Batch) -> list[list[str]]:
    rows = []
    for file in batch.files:
        with file.path.open(encoding="utf-8", newline="") as lines:
            rows += list(csv.reader(lines))[1:]
    return rows


def readable(batch: Batch) -> list[list[str]]:
    """The records that the contract lets through, found without the generator's labels."""
    new = batch.batch_id >= "2020"
    width, start, name = (13, 2, 4) if new else (12, 1, 6)
    return [
        row
        for row in read(batch)
        if len(row) == width
        and row[0].strip()
        and row[start] not in {"n/a", "yesterday", "31/31/2019 10:00", "2019-02-30 08:00:00"}
        and len(row[name].encode()) <= 160
    ]


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", trips=3000)
    two = generate(tmp_path / "two", trips=3000)
    other = generate(tmp_path / "other", trips=3000, seed=1)
    files = [[file for batch in made.batches for file in batch.files] for made in (one, two, other)]
    assert [file.key for file in files[0]] == [file.key for file in files[1]]
    assert all(a.path.read_bytes() == b.path.read_bytes() for a, b in zip(*files[:2], strict=True))
    assert files[0][1].path.read_bytes() != files[2][1].path.read_bytes()
    assert one.answers == two.answers


def test_the_default_is_three_months_of_a_hundred_thousand_trips(tmp_path: Path) -> None:
    sample = generate(tmp_path)
    assert [batch.batch_id for batch in sample.of_feed("trips")] == [
        "20191101T000000",
        "20191201T000000",
        "20200101T000000",
    ]
    assert 99_000 < sum(batch.fact_rows for batch in sample.of_feed("trips")) < 101_000


def test_keys_are_where_the_contract_looks(sample: Sample) -> None:
    keys = [file.key for batch in sample.batches for file in batch.files]
    assert keys == [
        "raw/bikeshare/stations/2019/11/Divvy_Stations_2019_11.csv",
        "raw/bikeshare/trips/2019/11/201911-divvy-trips-1.csv",
        "raw/bikeshare/trips/2019/11/201911-divvy-trips-2.csv",
        "raw/bikeshare/trips/2019/12/201912-divvy-trips-1.csv",
        "raw/bikeshare/trips/2019/12/201912-divvy-trips-2.csv",
        "raw/bikeshare/trips/2020/01/202001-divvy-trips-1.csv",
        "raw/bikeshare/trips/2020/01/202001-divvy-trips-2.csv",
    ]


def test_the_layout_changes_in_2020(sample: Sample) -> None:
    headers = [
        file.path.read_text(encoding="utf-8").splitlines()[0]
        for batch in sample.of_feed("trips")
        for file in batch.files
    ]
    old, new = ",".join(OLD_HEADER), ",".join(NEW_HEADER)
    assert headers == [old, old, old, old, new, new]


@pytest.mark.parametrize(
    "months", [("2019-11", "2019-12", "2020-01"), ("2018-01", "2018-02", "2018-03")]
)
def test_every_record_is_accounted_for(tmp_path: Path, months: tuple[str, ...]) -> None:
    sample = generate(tmp_path, months=months, trips=9000)
    seen_later: set[str] = set()
    for batch in reversed(sample.of_feed("trips")):
        rows = readable(batch)
        keys = Counter(row[0] for row in rows)
        assert len(read(batch)) == batch.raw_rows
        assert len(rows) == batch.loaded_rows
        assert sum(count - 1 for count in keys.values()) == batch.repeated > 0
        assert len(keys.keys() & seen_later) == batch.superseded
        assert len(keys.keys() - seen_later) == batch.fact_rows
        seen_later |= keys.keys()
    assert [batch.superseded > 0 for batch in sample.of_feed("trips")] == [True, True, False]


def test_every_rule_is_broken_in_every_month_and_few_records_break_one(sample: Sample) -> None:
    for batch in sample.of_feed("trips"):
        assert sorted(batch.rejected) == ["length", "malformed", "required", "type"]
        assert 0 < batch.rejected_rows < 0.01 * batch.raw_rows


def test_late_rows_started_before_their_month(sample: Sample) -> None:
    for batch, first in zip(
        sample.of_feed("trips"), ("2019-11-01", "12/1/2019", "2020-01-01"), strict=True
    ):
        new = batch.batch_id >= "2020"
        month = (first[:8], first[:3])["/" in first]
        started = [row[2 if new else 1] for row in readable(batch)]
        assert sum(not text.startswith(month) for text in started) == batch.late
    assert [batch.late > 0 for batch in sample.of_feed("trips")] == [False, True, True]


def test_traffic_adds_up_and_knows_every_station(sample: Sample) -> None:
    trips = sum(batch.fact_rows for batch in sample.of_feed("trips"))
    assert sum(traffic.departures for traffic in sample.answers.values()) == trips
    assert sum(traffic.arrivals for traffic in sample.answers.values()) == trips
    assert len(sample.answers.keys() - {""}) == STATIONS
    assert sample.answers[""].departures > 0
    assert any(not name.isascii() for name in sample.answers)


def test_stations_are_listed_once_with_one_blank_name(sample: Sample) -> None:
    listed, *rest = sample.of_feed("stations")
    rows = read(listed)
    assert (listed.raw_rows, listed.rejected, listed.loaded_rows) == (
        LISTED + 1,
        {"required": 1},
        LISTED,
    )
    assert len(rows) == LISTED + 1
    assert [row[1] for row in rows].count("") == 1
    assert any(row[1].endswith(" (*)") for row in rows)
    assert [(batch.files, batch.raw_rows) for batch in rest] == [((), 0), ((), 0)]


def test_other_months_and_sizes_work(tmp_path: Path) -> None:
    sample = generate(tmp_path, months=("2021-06",), trips=400, seed=7)
    batch = sample.of_feed("trips")[0]
    assert (batch.late, batch.superseded, batch.repeated) == (0, 0, 1)
    assert batch.fact_rows == 400 - batch.rejected_rows
