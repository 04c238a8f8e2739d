"""Batches of trips in staging, changed at random as feeds and operators change them."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.dbt_project.warehouse import Warehouse, insert

MONTHS = tuple(datetime(2019 + (8 + n) // 12, 1 + (8 + n) % 12, 1) for n in range(6))
NAMES = ("Alder St", "Alder St (*)", "Łódź Ave", "Birch St &amp; Ash St", None)


@dataclass(frozen=True)
class Trip:
    """One staged record."""

    trip_id: str
    started_at: datetime
    minutes: int = 10
    start_station_name: str | None = "Alder St"
    end_station_name: str | None = "Łódź Ave"
    rider_type: str | None = "member"

    def row(self, batch_id: str, loaded_at: datetime, file: str) -> dict[str, Any]:
        return {
            "trip_id": self.trip_id,
            "started_at": self.started_at,
            "ended_at": self.started_at + timedelta(minutes=self.minutes),
            "start_station_name": self.start_station_name,
            "end_station_name": self.end_station_name,
            "rider_type": self.rider_type,
            "_batch_id": batch_id,
            "_source_file": file,
            "_loaded_at": loaded_at,
        }


@dataclass
class Staging:
    """What staging holds, batch by batch, and the load protocol's way to change it."""

    warehouse: Warehouse
    batches: dict[str, list[Trip]] = field(default_factory=dict)
    loads: int = 0

    def load(self, batch_id: str, trips: list[Trip]) -> None:
        """Replace a batch and its ledger row in one transaction, as the load task does."""
        self.loads += 1
        loaded_at = datetime(2026, 1, 1) + timedelta(seconds=self.loads)
        rows = [
            trip.row(batch_id, loaded_at, f"s3://lake/{at % 2}.csv")
            for at, trip in enumerate(trips)
        ]
        ledger = {
            "source": "bikeshare",
            "feed": "trips",
            "batch_id": batch_id,
            "status": "loaded",
            "raw_rows": len(rows) + 1,
            "rejected_rows": 1,
            "loaded_rows": len(rows),
            "data_loaded_at": loaded_at,
            "recorded_at": loaded_at,
        }
        with contextlib.closing(self.warehouse.connect()) as connection:
            cursor = connection.cursor()
            self._forget(cursor, batch_id)
            insert(cursor, "staging.bikeshare__trips", rows)
            insert(cursor, "ops.load_ledger", [ledger])
            connection.commit()
        self.batches[batch_id] = trips

    def withdraw(self, batch_id: str) -> None:
        """Remove a batch and its ledger row."""
        with contextlib.closing(self.warehouse.connect()) as connection:
            self._forget(connection.cursor(), batch_id)
            connection.commit()
        del self.batches[batch_id]

    @staticmethod
    def _forget(cursor: Any, batch_id: str) -> None:
        for table, column in (
            ("staging.bikeshare__trips", "_batch_id"),
            ("ops.load_ledger", "batch_id"),
        ):
            cursor.execute(f"delete from {table} where {column} = %s", (batch_id,))

    def winners(self) -> dict[str, str]:
        """Return the batch from which each trip must come: the latest that holds it."""
        found: dict[str, str] = {}
        for batch_id in sorted(self.batches):
            found |= {trip.trip_id: batch_id for trip in self.batches[batch_id]}
        return found


def change_at_random(rng: random.Random, staging: Staging) -> None:
    """Load a batch out of order, load one again with other rows, or withdraw one."""
    action = rng.random()
    if staging.batches and action < 0.1:
        staging.withdraw(rng.choice(sorted(staging.batches)))
    elif staging.batches and action < 0.5:
        batch_id = rng.choice(sorted(staging.batches))
        kept = [trip for trip in staging.batches[batch_id] if rng.random() < 0.7]
        staging.load(batch_id, kept + _some_trips(rng, staging, batch_id))
    else:
        batch_id = f"{rng.choice(MONTHS):%Y%m%dT%H%M%S}"
        staging.load(batch_id, _some_trips(rng, staging, batch_id))


def _some_trips(rng: random.Random, staging: Staging, batch_id: str) -> list[Trip]:
    """Return new trips, repeats of them, and other batches' trips again: same, late, corrected."""
    month = datetime.strptime(batch_id, "%Y%m%dT%H%M%S")
    trips = [
        Trip(
            trip_id=f"{batch_id[:6]}-{rng.randrange(60)}",
            started_at=month + timedelta(minutes=rng.randrange(30 * 24 * 60)),
            minutes=rng.randrange(-5, 90),
            start_station_name=rng.choice(NAMES),
            end_station_name=rng.choice(NAMES),
            rider_type=rng.choice(("Subscriber", "casual", None)),
        )
        for _ in range(rng.randrange(25))
    ]
    known = [trip for batch in staging.batches.values() for trip in batch]
    for trip in rng.sample(known, min(len(known), rng.randrange(12))):
        moved = trip.started_at + timedelta(days=rng.randrange(-20, 20))
        trips.append(replace(trip, started_at=moved if rng.random() < 0.5 else trip.started_at))
    trips += rng.choices(trips, k=3) if trips else []
    rng.shuffle(trips)
    return trips
