"""The published files of the green taxis, read with Python and Arrow alone."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).parents[3] / "shared" / "data" / "green_taxi"
AMOUNTS = (
    *("fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"),
    *("congestion_surcharge", "cbd_congestion_fee", "total_amount"),
)


def batch_of(month: str) -> str:
    return f"{month.replace('-', '')}01T000000"


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
