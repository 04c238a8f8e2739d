"""Green-taxi files from raw to marts: the generated sample, then the publisher's own files.

The published files are not part of this repository: they are looked for in ../shared/data beside
the checkout. What the marts must say of them is worked out here with Arrow and Python alone.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.local.samples.sample import Sample
from infra.local.samples.taxi import Answers, generate
from tests.dbt_project.whole_way import Way, whole_way

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[3] / "shared" / "data" / "green_taxi"
HEADS = ("2013-08", "2015-01", "2016-07", "2019-01", "2020-01")
AMOUNTS = (
    *("fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"),
    *("congestion_surcharge", "cbd_congestion_fee", "total_amount"),
)
FLAGS = (
    *("is_outside_month", "is_ended_before_start", "is_over_a_day", "is_without_distance"),
    *("is_distance_absurd", "is_too_fast", "is_fare_absurd"),
)
Rows = list[list[Any]]


def batch_of(month: str) -> str:
    return f"{month.replace('-', '')}01T000000"


@dataclass
class Marts:
    """What the warehouse held after a build, by question."""

    batches: Rows
    kinds: dict[str, int]
    flags: dict[str, dict[str, int]]
    zones: dict[str, tuple[int, Decimal]]
    days: dict[date, tuple[int, Decimal]]
    payments: dict[int, int]
    repeats: int
    rejects: Rows
    accounting: Rows


def look(made: Way) -> Marts:
    ask = made.warehouse.rows
    counted = ", ".join(f"sum(case when {flag} then 1 else 0 end)" for flag in FLAGS)
    fact, daily = "marts.fct_green_trips", "marts.agg_green_rides_daily"
    return Marts(
        batches=ask(
            f"select _batch_id, count(*), sum(total_amount) from {fact} group by 1 order by 1"
        ),
        kinds={
            str(kind): int(n)
            for kind, n in ask(f"select record_kind, count(*) from {fact} group by 1")
        },
        flags={
            batch: {flag: int(n) for flag, n in zip(FLAGS, counts, strict=True) if n}
            for batch, *counts in ask(f"select _batch_id, {counted} from {fact} group by 1")
        },
        zones={
            name: (int(rides), amount)
            for name, rides, amount in ask(
                f"select zone_name, sum(rides), sum(revenue_amount) from {daily} group by 1"
            )
        },
        days={
            day: (int(rides), miles)
            for day, rides, miles in ask(
                f"select pickup_on, sum(rides), sum(distance_miles) from {daily} group by 1"
            )
        },
        payments={
            int(code): int(rides)
            for code, rides in ask(f"select payment_type_id, sum(rides) from {daily} group by 1")
        },
        repeats=int(ask(f"select coalesce(sum(record_count - 1), 0) from {fact}")[0][0]),
        rejects=ask(
            "select batch_id, rule, cast(sum(rejected_rows) as bigint) from ops.load_rejects "
            "group by batch_id, rule order by 1, 2"
        ),
        accounting=ask(
            "select batch_id, staged_rows, repeated_rows, superseded_rows, fact_rows "
            "from ops.ops_taxi_rows where feed = 'trips' order by 1"
        ),
    )


BUILD = (
    *("build", "--select", "path:seeds/taxi", "source:taxi+", "tag:shared"),
    *("--indirect-selection", "buildable"),
)
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Iterator[Way]:
    with whole_way(tmp_path_factory.mktemp("taxi"), manifest, "taxi") as running:
        yield running


@pytest.fixture(scope="module")
def sampled(made: Way, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample[Answers], Marts]:
    """The sample in the marts, loaded month by month."""
    sample = generate(tmp_path_factory.mktemp("sample"), rides=3000)
    for batch in sample.batches:
        for file in batch.files:
            made.put(file.key, file.path)
    for month in (datetime(2016, number, 1) for number in (6, 7, 8)):
        first = month.month == 6
        more = () if first else NO_UNIT_TESTS
        made.take("zones", month, files=first)
        made.take("trips", month)
        made.warehouse.built(*BUILD, *more)
    return sample, look(made)


def test_the_sample_arrives_as_it_was_made(sampled: tuple[Sample[Answers], Marts]) -> None:
    sample, marts = sampled
    answers, trips = sample.answers, sample.of_feed("trips")
    assert marts.kinds == answers.kinds
    assert marts.zones == {
        name: (rides, answers.revenue[name]) for name, rides in answers.rides.items()
    }
    assert marts.flags == {batch.batch_id: batch.flagged for batch in trips}
    assert marts.repeats == sum(batch.repeated for batch in trips)
    assert marts.rejects == [
        [batch.batch_id, rule, rows] for batch in trips for rule, rows in batch.rejected.items()
    ]
    assert marts.accounting == [
        [b.batch_id, b.loaded_rows, b.repeated, b.superseded, b.fact_rows] for b in trips
    ]


@dataclass
class Expected:
    """What the published files hold, worked out without Spark and without SQL."""

    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)

    def read(self, month: str, path: Path) -> None:
        """Read a file of a month with Python's and Arrow's own readers."""
        if path.suffix == ".parquet":
            for row in pq.read_table(path).to_pylist():
                self.add(month, {name.lower(): value for name, value in row.items()})
            return
        with path.open(encoding="utf-8", newline="") as file:
            names, *lines = (fields for fields in csv.reader(file) if fields)
        names = [name.strip().lower() for name in names]
        for fields in lines:
            if len(fields) < len(names) or any(fields[len(names) :]):
                self.rejected[batch_of(month)] += 1
                continue
            values = (value or None for value in fields)
            self.add(month, dict(zip(names, values, strict=False)))

    def add(self, month: str, row: dict[str, Any]) -> None:
        for name in ("lpep_pickup_datetime", "lpep_dropoff_datetime"):
            if isinstance(row[name], str):
                row[name] = datetime.fromisoformat(row[name])
            row[name] = row[name].replace(tzinfo=None)
        for name in (*AMOUNTS, "trip_distance"):
            if row.get(name) is not None:
                row[name] = Decimal(str(row[name])).quantize(Decimal("0.01"))
        self.records.append((batch_of(month), row))

    def pairs(self) -> int:
        """How many refunds have their ride."""
        found: dict[tuple[Any, ...], Counter[bool]] = defaultdict(Counter)
        for _, row in self.records:
            negative = row["total_amount"] < 0
            sign = -1 if negative else 1
            way = [row[f"lpep_{end}_datetime"] for end in ("pickup", "dropoff")]
            way += [row.get(name) for name in ("pulocationid", "dolocationid", "vendorid")]
            money = [sign * (row.get(name) or 0) for name in AMOUNTS]
            found[(*way, row["trip_distance"], *money)][negative] += 1
        return sum(min(each[True], each[False]) for each in found.values())

    def rides(self) -> list[dict[str, Any]]:
        return [row for _, row in self.records if row["total_amount"] >= 0]


def distance(row: dict[str, Any]) -> Decimal:
    """The distance of a ride that can be right, else 0."""
    seconds = (row["lpep_dropoff_datetime"] - row["lpep_pickup_datetime"]).total_seconds()
    miles: Decimal = row["trip_distance"]
    too_fast = seconds == 0 or (seconds > 0 and float(miles) * 3600 > seconds * 80)
    return miles if 0 < miles <= 200 and not too_fast else Decimal(0)


def month_of_2025() -> bytes:
    """A month as of 2025 made from published rows: a new fee, and codes as whole numbers."""
    table = pq.read_table(DATA / "green_tripdata_2024-01.parquet").slice(0, 500)
    year = 366 * 86_400 * 1_000_000
    for at in (1, 2):
        moved = pa.array([v.value + year for v in table.column(at)], pa.timestamp("us"))
        table = table.set_column(at, table.column_names[at], moved)
    for at in (4, 7, 17, 18):
        table = table.set_column(at, table.column_names[at], table.column(at).cast(pa.int64()))
    table = table.set_column(14, "ehail_fee", pa.nulls(500))
    table = table.append_column("cbd_congestion_fee", pa.array([0.75] * 500))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@pytest.fixture(scope="module")
def published(
    made: Way, sampled: tuple[Sample[Answers], Marts], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Expected, Marts]:
    """The published files in the marts, after the sample was withdrawn."""
    if not DATA.exists():
        pytest.skip(f"public data sets are not there: {DATA}")
    tables = ("staging.taxi__trips", "staging.taxi__zones", "ops.load_ledger", "ops.load_rejects")
    made.warehouse.execute(*(f"delete from {table}" for table in tables))
    for file in made.stack.config.s3.glob("*/raw/taxi/trips/2016/07/*"):
        file.unlink()
    expected = Expected()
    files = {month: DATA / "csv_heads" / f"green_tripdata_{month}.csv" for month in HEADS}
    files["2024-01"] = DATA / "green_tripdata_2024-01.parquet"
    files["2025-01"] = tmp_path_factory.mktemp("later") / "green_tripdata_2025-01.parquet"
    files["2025-01"].write_bytes(month_of_2025())
    made.put("raw/taxi/zones/2024/01/taxi+_zone_lookup.csv", DATA / "taxi+_zone_lookup.csv")
    made.take("zones", datetime(2024, 1, 1))
    for month, path in files.items():
        expected.read(month, path)
        made.put(f"raw/taxi/trips/{month.replace('-', '/')}/{path.name}", path)
        made.take("trips", datetime.strptime(month, "%Y-%m"))
    made.warehouse.built(*BUILD, *NO_UNIT_TESTS)
    return expected, look(made)


def test_every_published_record_arrives_once(
    published: tuple[Expected, Marts],
) -> None:
    expected, marts = published
    totals: dict[str, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for batch, row in expected.records:
        totals[batch][0] += 1
        totals[batch][1] += row["total_amount"]
    assert marts.batches == [[batch, n, amount] for batch, (n, amount) in sorted(totals.items())]
    assert totals[batch_of("2024-01")][0] == 56_551
    assert marts.rejects == [
        [batch, "malformed", rows] for batch, rows in sorted(expected.rejected.items())
    ]
    # The last line of each head was cut; that of 2013-08 lost nothing but an empty field.
    assert dict(expected.rejected) == {batch_of(month): 1 for month in HEADS[1:]}
    assert marts.repeats == 0


def test_refunds_are_told_from_rides(published: tuple[Expected, Marts]) -> None:
    expected, marts = published
    pairs = expected.pairs()
    negative = len(expected.records) - len(expected.rides())
    assert pairs >= 181
    assert marts.kinds == {
        "ride": len(expected.rides()) - pairs,
        "refunded ride": pairs,
        "refund": pairs,
        "unmatched refund": negative - pairs,
    }


def test_totals_per_zone_day_and_way_to_pay(published: tuple[Expected, Marts]) -> None:
    expected, marts = published
    with (DATA / "taxi+_zone_lookup.csv").open(encoding="utf-8", newline="") as file:
        names = {int(row["LocationID"]): row["Zone"] for row in csv.DictReader(file)}
    rides: Counter[str] = Counter()
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    days: dict[date, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    payments: Counter[int] = Counter()
    for _, row in expected.records:
        number = row.get("pulocationid")
        zone = names[int(number)] if number else "No zone"
        ride = row["total_amount"] >= 0
        rides[zone] += ride
        revenue[zone] += row["total_amount"]
        day = days[row["lpep_pickup_datetime"].date()]
        day[0] += ride
        day[1] += distance(row) if ride else 0
        payments[-1 if row["payment_type"] is None else int(row["payment_type"])] += ride
    assert marts.zones == {zone: (rides[zone], revenue[zone]) for zone in revenue}
    assert marts.days == {day: tuple(values) for day, values in days.items()}
    assert marts.payments == dict(payments)
    assert len(marts.zones) > 200


def test_flags_of_published_records(published: tuple[Expected, Marts]) -> None:
    _, marts = published
    assert marts.flags[batch_of("2024-01")] == {
        "is_outside_month": 2,
        "is_without_distance": 2870,
        "is_distance_absurd": 46,
        "is_too_fast": 230,
        "is_fare_absurd": 1,
    }
