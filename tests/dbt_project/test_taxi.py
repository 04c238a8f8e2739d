"""Green-taxi files from raw to marts: the generated sample, then the publisher's own files.

The published files are not part of this repository: they are looked for in ../shared/data beside
the checkout. What the marts must say of them is worked out here with Arrow and Python alone.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.local.samples.sample import Sample
from infra.local.samples.taxi import Answers, generate
from tests.dbt_project.full_refresh import assert_equal_to_full_refresh
from tests.dbt_project.published_rides import DATA, Expected, batch_of, distance, month_of_2025
from tests.dbt_project.whole_way import Way, whole_way

pytestmark = pytest.mark.slow

HEADS = ("2013-08", "2015-01", "2016-07", "2019-01", "2020-01")
FLAGS = (
    *("is_outside_month", "is_ended_before_start", "is_over_a_day", "is_without_distance"),
    *("is_distance_absurd", "is_too_fast", "is_fare_absurd"),
)
Rows = list[list[Any]]


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
    """The sample in the marts: July, then the month before, late, and the month after."""
    sample = generate(tmp_path_factory.mktemp("sample"), rides=3000)
    for batch in sample.batches:
        for file in batch.files:
            made.put(file.key, file.path)
    june, july, august = (datetime(2016, number, 1) for number in (6, 7, 8))
    for months, more in (((july,), ()), ((june, august), NO_UNIT_TESTS)):
        for month in months:
            made.take("zones", month, files=month == june)
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


def test_the_facts_equal_their_full_refresh(
    made: Way, sampled: tuple[Sample[Answers], Marts], manifest: Path
) -> None:
    assert_equal_to_full_refresh(made.warehouse, manifest, "taxi")


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
