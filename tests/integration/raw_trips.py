"""What the trips of raw files come to, worked out with Python's csv alone.

It knows the layout of the made-up files of 2018, and shares no code with the project.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.dbt_project.published_trips import station, when

LONGEST_NAME = 160


@dataclass
class Calculated:
    """The latest version of each trip, and the rows of each batch."""

    trips: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    stations: dict[str, tuple[str, str]] = field(default_factory=dict)
    raw: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, batches: dict[str, Iterable[Path]]) -> Calculated:
        """Read the files of batches: a later batch wins, in a batch the file of a later name."""
        made = cls()
        for batch, files in sorted(batches.items()):
            for path in sorted(files, key=lambda path: path.name):
                made.read(batch, path)
        return made

    def read(self, batch: str, path: Path) -> None:
        with path.open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
        for fields in lines:
            self.raw[batch] += 1
            row = dict(zip(header, fields, strict=False))
            names = row.get("from_station_name", ""), row.get("to_station_name", "")
            start, end = when(row.get("start_time", "")), when(row.get("end_time", ""))
            good = len(fields) == len(header) and row["trip_id"].strip() and start and end
            if not good or max(map(len, names)) > LONGEST_NAME:
                self.rejected[batch] += 1
                continue
            self.trips[row["trip_id"]] = (batch, start, end)
            self.stations[row["trip_id"]] = (station(names[0]), station(names[1]))

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Departures and arrivals by the station's name."""
        departures = Counter(start for start, _ in self.stations.values())
        arrivals = Counter(end for _, end in self.stations.values())
        return {name: (departures[name], arrivals[name]) for name in departures | arrivals}
