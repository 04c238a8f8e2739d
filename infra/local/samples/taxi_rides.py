"""Green-taxi rides as they happen between made-up zones, and what goes wrong with some of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from infra.local.samples.taxi_layouts import Record

REFUNDED, UNMATCHED = 40, 6
"""Per month: rides that are refunded, and refunds of rides that no file has."""

_NAMES = ("Alder", "Beacon", "Calder", "Dunmore", "Elm", "Fulmar", "Garland", "Hawthorn", "Juniper")
_KINDS = ("Heights", "Park", "Square", "Village")
_BOROUGHS = ("Manhattan", "Queens", "Brooklyn", "Bronx")
_HOURS = (8, 6, 4, 3, 3, 3, 5, 9, 12, 11, 10, 10, 11, 11, 12, 13, 14, 16, 18, 17, 15, 13, 12, 10)
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Zone:
    """A made-up zone of the list."""

    number: int
    borough: str
    name: str


def invent_zones() -> tuple[Zone, ...]:
    """Thirty-six zones, and the two that stand for none."""
    named = (
        Zone(at + 1, _BOROUGHS[at % 4], f"{name} {kind}")
        for at, (name, kind) in enumerate((n, k) for n in _NAMES for k in _KINDS)
    )
    return (*named, Zone(264, "Unknown", "Not known"), Zone(265, "N/A", "Outside of the city"))


def flags_of(record: Record, month: datetime) -> frozenset[str]:
    """The flags that the fact must give a record of a month's batch."""
    seconds = int((record.dropoff - record.pickup).total_seconds())
    speeding = record.miles * 3600 > seconds * 80 if seconds else record.miles > 0
    found = {
        "is_outside_month": (record.pickup.year, record.pickup.month) != (month.year, month.month),
        "is_ended_before_start": seconds < 0,
        "is_over_a_day": seconds > 86_400,
        "is_without_distance": record.miles <= 0,
        "is_distance_absurd": record.miles > 200,
        "is_too_fast": seconds >= 0 and speeding,
        "is_fare_absurd": abs(record.fare) > 500 or abs(record.total) > 1000,
    }
    return frozenset(name for name, broken in found.items() if broken)


def refund_of(record: Record) -> Record:
    """The record that takes a ride back: every amount negative, all else the same."""
    amounts = {
        name: -getattr(record, name)
        for name in ("fare", "extra", "tip", "tolls", "tax", "surcharge", "congestion", "relief")
        if getattr(record, name) is not None
    }
    return replace(record, **amounts)


def make_rides(
    rng: random.Random, zones: Sequence[Zone], first: datetime, size: int
) -> list[Record]:
    """Make rides of a month, in the order of their starts."""
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(hours=3)
    days = (last - first).days
    weights = [1 / (1 + at / 6) for at in range(len(zones))]
    starts = sorted(
        first + timedelta(days=rng.randrange(days), hours=hour, seconds=rng.randrange(3600))
        for hour in rng.choices(range(24), _HOURS, k=size)
    )
    made = []
    for at, start in enumerate(starts):
        miles = Decimal(round(min(rng.lognormvariate(0.7, 0.7), 28), 2)).quantize(_CENT)
        miles = max(miles, Decimal("0.31"))
        seconds = int(float(miles) / rng.uniform(8, 22) * 3600) + 60
        card = rng.random() < 0.62
        fare = (Decimal("2.5") + miles * Decimal("2.5") + seconds // 240).quantize(Decimal("0.5"))
        made.append(
            Record(
                vendor=2 if rng.random() < 0.85 else 1,
                pickup=start,
                dropoff=start + timedelta(seconds=seconds),
                flag="Y" if rng.random() < 0.01 else "N",
                rate=1,
                origin=rng.choices(zones, weights)[0].number,
                target=rng.choices(zones, weights)[0].number,
                passengers=rng.choice((1, 1, 1, 1, 2, 5)),
                miles=miles,
                fare=fare,
                extra=Decimal("0.5") if start.hour >= 20 or start.hour < 6 else Decimal(0),
                tip=(fare * Decimal("0.2")).quantize(_CENT) if card else Decimal(0),
                tolls=Decimal("5.54") if rng.random() < 0.02 else Decimal(0),
                tax=Decimal("0.5"),
                surcharge=Decimal(0),
                payment=1 if card else 2,
                kind=1,
                moved=at,
            )
        )
    return made


def with_defects(rng: random.Random, rides: list[Record]) -> list[Record]:
    """Bend some rides so that each rule is broken, refund some, and let bases send some."""
    bent = list(rides)
    places = iter(rng.sample(range(len(rides)), 400))
    day, hour = timedelta(days=1), timedelta(hours=1)

    def bend(count: int, **changes: object) -> None:
        for _ in range(count):
            at = next(places)
            bent[at] = replace(bent[at], **changes)  # type: ignore[arg-type]

    for at in [next(places) for _ in range(9)]:
        bent[at] = replace(bent[at], dropoff=bent[at].pickup - hour / 4)
    for at in [next(places) for _ in range(7)]:
        bent[at] = replace(bent[at], dropoff=bent[at].pickup + day + hour)
    for at in [next(places) for _ in range(5)]:
        bent[at] = replace(bent[at], pickup=bent[at].pickup - 40 * day, dropoff=bent[at].pickup)
    for at in [next(places) for _ in range(8)]:
        bent[at] = replace(bent[at], dropoff=bent[at].pickup)
    wrong_clock = datetime(2008, 12, 31, 23, 2, 1)
    bend(2, pickup=wrong_clock, dropoff=wrong_clock + hour)
    bend(80, miles=Decimal(0))
    bend(3, miles=Decimal("90342.77"))
    bend(3, fare=Decimal(900), tip=Decimal(0))
    bend(60, vendor=None, rate=None, passengers=None, payment=None, kind=None, flag=None)
    bend(4, rate=99, vendor=9)
    refunded = [bent[next(places)] for _ in range(REFUNDED)]
    lonely = [bent[next(places)] for _ in range(UNMATCHED)]
    lonely = [replace(record, fare=record.fare + Decimal("0.37")) for record in lonely]
    return sorted(
        [*bent, *(refund_of(record) for record in [*refunded, *lonely])],
        key=lambda record: (record.pickup, record.moved, record.fare),
    )
