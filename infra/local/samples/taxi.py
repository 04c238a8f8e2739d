"""Green-taxi records: deterministic, in the layouts of all years, with labelled defects.

Nothing is copied from real data; zones and their names are made up. Real months have one file; here
each month has its records spread over files in several layouts, so that three months show all of
them: CSV with coordinates in June 2016, CSV with zones in July, Parquet in August.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from infra.local.samples.sample import Batch, Sample, SampleFile
from infra.local.samples.taxi_layouts import (
    CSV_2013,
    CSV_2015,
    CSV_2016,
    CSV_2019,
    Layout,
    Record,
    line,
    write_csv,
    write_parquet,
)
from infra.local.samples.taxi_rides import (
    REFUNDED,
    UNMATCHED,
    Zone,
    flags_of,
    invent_zones,
    make_rides,
    with_defects,
)

SOURCE = "taxi"
FIRST = date(2016, 6, 1)
LAST = date(2016, 8, 31)
QUESTION = ("The busiest pick-up zones", "taxi_busiest_zones.sql")
RIDES = 18_000
SEED = 2013
NO_ZONE = "No zone"

_RESENT = 25  # records of June that July's files bring again
_REPEATED = 12  # per month of CSV: lines that stand twice


@dataclass(frozen=True)
class Answers:
    """What the marts must say once all batches are loaded.

    ``kinds`` counts the fact's rows by ``record_kind``; ``rides`` are rides by pick-up zone's name,
    and ``revenue`` is in dollars, refunds taken off.
    """

    kinds: Mapping[str, int]
    rides: Mapping[str, int]
    revenue: Mapping[str, Decimal]


@dataclass
class _Month:
    """One month while its files are made; `won` are the fact's rows that come from it."""

    first: datetime
    files: list[SampleFile] = field(default_factory=list)
    won: list[tuple[Record, bool]] = field(default_factory=list)  # with: does it name zones?
    raw: int = 0
    repeated: int = 0
    superseded: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def generate(folder: Path, rides: int = RIDES, seed: int = SEED) -> Sample[Answers]:
    """Write the raw files of the months below ``folder``; the same arguments, the same bytes."""
    rng = random.Random(seed)  # noqa: S311  (sample data, no secret)
    zones = invent_zones()
    months = june, july, august = tuple(_Month(datetime(2016, month, 1)) for month in (6, 7, 8))
    old, new, typed = (
        _halves(with_defects(rng, make_rides(rng, zones, month.first, rides // 3)))
        for month in months
    )
    _write_lines(rng, folder, june, CSV_2013, "a", old[0])
    _write_lines(rng, folder, june, CSV_2015, "b", old[1])
    _write_lines(rng, folder, july, CSV_2016, "a", new[0])
    _write_lines(rng, folder, july, CSV_2019, "b", new[1])
    _write_rows(folder, august, "a", typed[0], relief_fee=False)
    _write_rows(folder, august, "b", typed[1], relief_fee=True)
    _send_again(folder, june, july, old[1][:_RESENT])
    batches: list[Batch] = []
    for month in months:
        batches.append(_zones_batch(folder, month, zones if month is june else ()))
        batches.append(_trips_batch(month))
    return Sample(tuple(batches), _answers(zones, [each for month in months for each in month.won]))


def _halves(records: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
    """Share records out to two files; a refund, of the same second, stays with its ride."""
    at = len(records) // 2
    while at < len(records) and records[at].pickup == records[at - 1].pickup:
        at += 1
    return records[:at], records[at:]


def _write_lines(
    rng: random.Random,
    folder: Path,
    month: _Month,
    layout: Layout,
    part: str,
    records: Sequence[Record],
) -> None:
    """Write a CSV file; some of its lines stand twice, and some break the contract."""
    lines = [line(layout, record) for record in records]
    again = rng.sample(lines[_RESENT:], _REPEATED // 2)
    for rule, broken in _broken_lines(layout, rng.choice(records)):
        lines.insert(rng.randrange(len(lines)), broken)
        month.rejected[rule] += 1
    lines += again
    key = f"raw/taxi/trips/{month.first:%Y/%m}/green_tripdata_{month.first:%Y-%m}{part}.csv"
    write_csv(folder / key, layout, lines)
    month.files.append(SampleFile(key, folder / key))
    month.won += [(record, layout.has_zones) for record in records]
    month.repeated += len(again)
    month.raw += len(lines)


def _broken_lines(layout: Layout, record: Record) -> list[tuple[str, list[str]]]:
    """Lines that break the contract, each with the rule that it breaks."""
    good = line(layout, record)
    places = {name.strip().lower(): at for at, name in enumerate(layout.names)}

    def changed(name: str, text: str) -> list[str]:
        return [text if at == places[name] else old for at, old in enumerate(good)]

    return [
        ("type", changed("lpep_pickup_datetime", "2016-06-31 10:00:00")),
        ("type", changed("fare_amount", "12,5".replace(",", ";"))),
        ("required", changed("lpep_dropoff_datetime", "")),
        ("range", changed("lpep_pickup_datetime", "1970-01-01 00:00:00")),
        ("length", changed("store_and_fwd_flag", "not stored")),
        ("malformed", [*good, "7"]),
        ("malformed", good[:9]),
    ]


def _write_rows(
    folder: Path, month: _Month, part: str, records: Sequence[Record], *, relief_fee: bool
) -> None:
    """Write a Parquet file; with the newest layout come the fees that belong to it."""
    if relief_fee:
        half, fee = Decimal("2.75"), Decimal("0.75")
        records = [
            replace(r, congestion=half * _sign(r), relief=fee * _sign(r)) if r.payment == 1 else r
            for r in records
        ]
    key = f"raw/taxi/trips/{month.first:%Y/%m}/green_tripdata_{month.first:%Y-%m}{part}.parquet"
    write_parquet(folder / key, records, relief_fee=relief_fee)
    month.files.append(SampleFile(key, folder / key))
    month.won += [(record, True) for record in records]
    month.raw += len(records)


def _sign(record: Record) -> int:
    return -1 if record.fare < 0 else 1


def _send_again(folder: Path, month: _Month, later: _Month, records: Sequence[Record]) -> None:
    """Let a later month bring records of a month again, as they were."""
    key = f"raw/taxi/trips/{later.first:%Y/%m}/green_tripdata_{month.first:%Y-%m}late.csv"
    write_csv(folder / key, CSV_2015, [line(CSV_2015, record) for record in records])
    later.files.append(SampleFile(key, folder / key))
    again = [(record, False) for record in records]
    month.won = [each for each in month.won if each not in again]
    month.superseded += len(again)
    later.won += again
    later.raw += len(again)


def _trips_batch(month: _Month) -> Batch:
    flags = Counter(flag for record, _ in month.won for flag in flags_of(record, month.first))
    late = sum("is_outside_month" in flags_of(record, month.first) for record, _ in month.won)
    return Batch(
        source=SOURCE,
        feed="trips",
        batch_id=f"{month.first:%Y%m%dT%H%M%S}",
        files=tuple(month.files),
        raw_rows=month.raw,
        rejected=dict(sorted(month.rejected.items())),
        repeated=month.repeated,
        superseded=month.superseded,
        late=late,
        flagged=dict(sorted(flags.items())),
    )


def _zones_batch(folder: Path, month: _Month, zones: Sequence[Zone]) -> Batch:
    """Write the list of zones, quoted as it is published; an empty batch where there is none."""
    files: tuple[SampleFile, ...] = ()
    if zones:
        key = f"raw/taxi/zones/{month.first:%Y/%m}/taxi_zone_lookup.csv"
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
            writer.writerow(("LocationID", "Borough", "Zone", "service_zone"))
            writer.writerows((z.number, z.borough, z.name, "Boro Zone") for z in zones)
        files = (SampleFile(key, path),)
    return Batch(SOURCE, "zones", f"{month.first:%Y%m%dT%H%M%S}", files, len(zones), {})


def _answers(zones: Sequence[Zone], won: Sequence[tuple[Record, bool]]) -> Answers:
    names = {zone.number: zone.name for zone in zones}
    rides: Counter[str] = Counter()
    revenue: dict[str, Decimal] = {}
    for record, has_zones in won:
        name = names[record.origin] if has_zones else NO_ZONE
        rides[name] += _sign(record) == 1
        revenue[name] = revenue.get(name, Decimal(0)) + record.total
    refunds, lonely = 3 * REFUNDED, 3 * UNMATCHED  # in each month
    kinds = {
        "ride": rides.total() - refunds,
        "refunded ride": refunds,
        "refund": refunds,
        "unmatched refund": lonely,
    }
    return Answers(kinds, dict(sorted(rides.items())), dict(sorted(revenue.items())))
