"""The generated taxi records: deterministic, and their files say what the sample says of them."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.local.samples.sample import Batch, Sample
from infra.local.samples.taxi import Answers, generate

Row = dict[str, str]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample[Answers]:
    return generate(tmp_path_factory.mktemp("sample"), rides=4000)


def rows_of(path: Path) -> list[Row | None]:
    """Every record by lower-case names, None for a line that has another number of fields."""
    if path.suffix == ".parquet":
        found = pq.read_table(path).to_pylist()
        return [{k.lower(): _plain(v) for k, v in row.items()} for row in found]
    with path.open(encoding="utf-8", newline="") as file:
        names, *lines = csv.reader(file)
    names = [name.strip().lower() for name in names]
    rows: list[Row | None] = []
    for fields in lines:
        if not fields:
            continue
        whole = len(fields) >= len(names) and not any(fields[len(names) :])
        rows.append(dict(zip(names, fields, strict=False)) if whole else None)
    return rows


def _plain(value: object) -> str:
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else str(value)
    return "" if value is None else str(value)


def readable(row: Row | None) -> bool:
    """Whether the contract lets a record through, found without the generator's labels."""
    if row is None or len(row["store_and_fwd_flag"]) > 8:
        return False
    try:
        times = [
            datetime.fromisoformat(row[f"lpep_{end}_datetime"]) for end in ("pickup", "dropoff")
        ]
        Decimal(row["fare_amount"])
    except (ValueError, InvalidOperation):
        return False
    return all(2000 <= time.year < 2100 for time in times)


def identity(row: Row) -> frozenset[tuple[str, str]]:
    """All that a record says, numbers without what their writing adds."""
    return frozenset(
        (name, str(Decimal(value).normalize()) if _is_number(value) else value)
        for name, value in row.items()
        if value != ""
    )


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("-").isdigit()


def kept(batch: Batch) -> list[Row]:
    return [r for f in batch.files for r in rows_of(f.path) if r is not None and readable(r)]


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, two, other = (
        generate(tmp_path / name, rides=2000, seed=seed)
        for name, seed in (("one", 1), ("two", 1), ("other", 2))
    )
    files = [[file for batch in made.batches for file in batch.files] for made in (one, two, other)]
    assert [file.key for file in files[0]] == [file.key for file in files[1]]
    assert all(a.path.read_bytes() == b.path.read_bytes() for a, b in zip(*files[:2], strict=True))
    assert files[0][1].path.read_bytes() != files[2][1].path.read_bytes()
    assert one.answers == two.answers


def test_all_layouts_are_there(sample: Sample[Answers]) -> None:
    heads, schemas = {}, {}
    for batch in sample.of_feed("trips"):
        for file in batch.files:
            name = file.path.stem.removeprefix("green_tripdata_2016-")
            assert file.path.suffix == (".csv" if batch.batch_id < "201608" else ".parquet")
            if file.path.suffix == ".csv":
                heads[name] = file.path.read_bytes().split(b"\n")[:3]
            else:
                schemas[name] = pq.read_schema(file.path)
    widths = {
        name: (len(head[0].split(b",")), len(head[-1].split(b","))) for name, head in heads.items()
    }
    assert widths == {"06a": (20, 22), "06b": (21, 23), "07a": (19, 21), "07b": (20, 20),
                      "06late": (21, 23)}  # fmt: skip
    assert [name for name, head in heads.items() if head[1] == b"\r"] == ["06a", "07a"]
    assert heads["06a"][0].endswith(b",Payment_type,Trip_type ")
    assert b"Lpep_dropoff_datetime" in heads["06b"][0]
    assert (schemas["08a"].field("ehail_fee").type, len(schemas["08a"])) == (pa.null(), 20)
    assert schemas["08b"].names[-1] == "cbd_congestion_fee"
    assert schemas["08b"].field("payment_type").type == pa.int64()


def test_every_record_is_accounted_for(sample: Sample[Answers]) -> None:
    june, july, august = sample.of_feed("trips")
    for batch, after in ((june, (july, august)), (july, (august,)), (august, ())):
        rows = kept(batch)
        seen_later = {identity(row) for later in after for row in kept(later)}
        identities = Counter(map(identity, rows))
        assert sum(len(rows_of(file.path)) for file in batch.files) == batch.raw_rows
        assert len(rows) == batch.loaded_rows
        assert sum(count - 1 for count in identities.values()) == batch.repeated
        assert (batch.repeated > 0) == (batch is not august)
        assert len(identities.keys() & seen_later) == batch.superseded
        assert len(identities.keys() - seen_later) == batch.fact_rows
    assert (june.superseded > 0, july.superseded, august.superseded) == (True, 0, 0)


def test_every_rule_is_broken_and_every_flag_is_met(sample: Sample[Answers]) -> None:
    for batch in sample.of_feed("trips"):
        broken = ["length", "malformed", "range", "required", "type"]
        assert sorted(batch.rejected) == (broken if batch.batch_id < "201608" else [])
        assert sorted(batch.flagged) == [
            *("is_distance_absurd", "is_ended_before_start", "is_fare_absurd", "is_outside_month"),
            *("is_over_a_day", "is_too_fast", "is_without_distance"),
        ]
        month = batch.batch_id[:4] + "-" + batch.batch_id[4:6]
        late = {identity(row) for row in kept(batch) if row["lpep_pickup_datetime"][:7] != month}
        assert len(late) == batch.flagged["is_outside_month"] == batch.late


@pytest.mark.parametrize("rides", [3000, 4000, 18_000])
def test_refunds_mirror_rides(rides: int, tmp_path: Path) -> None:
    """Also where a month is cut into files, which 3,000 rides put between a ride and its refund."""
    sample = generate(tmp_path, rides=rides)
    batches = sample.of_feed("trips")
    records = {identity(row): row for batch in batches for row in kept(batch)}
    totals: Counter[tuple[str, ...]] = Counter()
    for row in records.values():
        ride = [row["lpep_pickup_datetime"], row["trip_distance"]]
        totals[(*ride, str(abs(Decimal(row["total_amount"])).normalize()))] += (
            1 if Decimal(row["total_amount"]) >= 0 else -1
        )
    kinds = sample.answers.kinds
    assert sum(total < 0 for total in totals.values()) == kinds["unmatched refund"] > 0
    negative = sum(row["total_amount"].startswith("-") for row in records.values())
    assert negative == kinds["refund"] + kinds["unmatched refund"]
    assert sum(total == 0 for total in totals.values()) == kinds["refund"] > 0
    assert len(records) == sum(kinds.values())


def test_answers_add_up(sample: Sample[Answers]) -> None:
    batches = sample.of_feed("trips")
    records = {identity(row): row for batch in batches for row in kept(batch)}
    answers = sample.answers
    assert sum(answers.rides.values()) == answers.kinds["ride"] + answers.kinds["refunded ride"]
    total = sum((Decimal(row["total_amount"]) for row in records.values()), Decimal(0))
    assert sum(answers.revenue.values()) == total
    assert answers.rides["No zone"] == sum(
        "pulocationid" not in row and not row["total_amount"].startswith("-")
        for row in records.values()
    )


def test_zones_come_once(sample: Sample[Answers]) -> None:
    listed, *rest = sample.of_feed("zones")
    (file,) = listed.files
    lines = file.path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == '"LocationID","Borough","Zone","service_zone"'
    assert lines[1].startswith('1,"')
    assert (len(lines) - 1, listed.raw_rows, listed.rejected_rows) == (38, 38, 0)
    assert [(each.files, each.raw_rows) for each in rest] == [((), 0)] * 2
