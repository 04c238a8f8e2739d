"""The layouts in which green-taxi records were published: one record in, a line or a row out.

Names, their order and their oddities are those of the public files: other cases, a trailing blank,
an empty second line, two fields more than names, and in Parquet types that change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_PLACES = ("Pickup_longitude", "Pickup_latitude", "Dropoff_longitude", "Dropoff_latitude")
_ZONES = ("PULocationID", "DOLocationID")
_2013 = (
    "VendorID", "lpep_pickup_datetime", "Lpep_dropoff_datetime", "Store_and_fwd_flag",
    "RateCodeID", *_PLACES, "Passenger_count", "Trip_distance", "Fare_amount", "Extra", "MTA_tax",
    "Tip_amount", "Tolls_amount", "Ehail_fee", "Total_amount", "Payment_type", "Trip_type ",
)  # fmt: skip
_2015 = (*_2013[:17], "improvement_surcharge", *_2013[17:])
_2016 = (
    "VendorID", "lpep_pickup_datetime", "lpep_dropoff_datetime", "store_and_fwd_flag",
    "RatecodeID", *_ZONES, "passenger_count", "trip_distance", "fare_amount", "extra", "mta_tax",
    "tip_amount", "tolls_amount", "ehail_fee", "improvement_surcharge", "total_amount",
    "payment_type", "trip_type",
)  # fmt: skip
_2019 = (*_2016, "congestion_surcharge")
_2025 = (*_2019, "cbd_congestion_fee")


@dataclass(frozen=True)
class Layout:
    """One header family of CSV files: names, empty fields after the last, an empty second line."""

    names: tuple[str, ...]
    surplus: int = 0
    blank_second_line: bool = False

    @property
    def has_zones(self) -> bool:
        """Whether records say zones; those before July 2016 say coordinates."""
        return "PULocationID" in self.names


CSV_2013 = Layout(_2013, surplus=2, blank_second_line=True)
CSV_2015 = Layout(_2015, surplus=2)
CSV_2016 = Layout(_2016, surplus=2, blank_second_line=True)
CSV_2019 = Layout(_2019)


@dataclass(frozen=True)
class Record:
    """What a meter sent: New York wall-clock times, zones by number, dollars and miles.

    ``moved`` tells apart the positions of records that begin in the same zone.
    """

    vendor: int | None
    pickup: datetime
    dropoff: datetime
    flag: str | None
    rate: int | None
    origin: int
    target: int
    passengers: int | None
    miles: Decimal
    fare: Decimal
    extra: Decimal
    tip: Decimal
    tolls: Decimal
    tax: Decimal
    surcharge: Decimal
    payment: int | None
    kind: int | None
    congestion: Decimal | None = None
    relief: Decimal | None = None
    moved: int = 0

    @property
    def total(self) -> Decimal:
        """What the passenger was charged."""
        parts = (self.fare, self.extra, self.tip, self.tolls, self.tax, self.surcharge)
        return sum((*parts, self.congestion or Decimal(0), self.relief or Decimal(0)), Decimal(0))

    def value(self, name: str) -> Any:
        """The value of a field, by its name in any layout."""
        position = name.lower()
        if position in _POSITIONS:
            at = _POSITIONS.index(position)
            return _coordinate(self.origin if at < 2 else self.target, self.moved, at % 2)
        return {
            "vendorid": self.vendor,
            "lpep_pickup_datetime": self.pickup,
            "lpep_dropoff_datetime": self.dropoff,
            "store_and_fwd_flag": self.flag,
            "ratecodeid": self.rate,
            "pulocationid": self.origin,
            "dolocationid": self.target,
            "passenger_count": self.passengers,
            "trip_distance": self.miles,
            "fare_amount": self.fare,
            "extra": self.extra,
            "mta_tax": self.tax,
            "tip_amount": self.tip,
            "tolls_amount": self.tolls,
            "ehail_fee": None,
            "improvement_surcharge": self.surcharge,
            "total_amount": self.total,
            "payment_type": self.payment,
            "trip_type": self.kind,
            "congestion_surcharge": self.congestion,
            "cbd_congestion_fee": self.relief,
        }[position.strip()]


_POSITIONS = tuple(name.lower() for name in _PLACES)


def line(layout: Layout, record: Record) -> list[str]:
    """Return the fields of a record's line, the empty ones at its end included."""
    texts = [_text(name, record.value(name)) for name in layout.names]
    return texts + [""] * layout.surplus


def write_csv(path: Path, layout: Layout, lines: Sequence[Sequence[str]]) -> None:
    """Write a CSV file as the publisher did: the header by itself, records with CR and LF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first = ",".join(layout.names) + ("\n\r\n" if layout.blank_second_line else "\r\n")
    text = first + "".join(",".join(fields) + "\r\n" for fields in lines)
    path.write_text(text, encoding="utf-8", newline="")


def write_parquet(path: Path, records: Sequence[Record], *, relief_fee: bool) -> None:
    """Write a Parquet file as of 2024, or as of 2025, with the fee for the relief zone.

    In the first, codes are doubles and nobody hails by app, so that its fee has no type; in the
    second codes are whole numbers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    names = _2025 if relief_fee else _2019
    columns = {}
    for name in names:
        values = [record.value(name) for record in records]
        if any(isinstance(value, Decimal) for value in values):
            values = [None if value is None else float(value) for value in values]
        columns[name] = pa.array(values, _type_of(name, relief_fee))
    pq.write_table(pa.table(columns), path)


def _type_of(name: str, whole: bool) -> pa.DataType:
    if name.endswith("datetime"):
        return pa.timestamp("us")
    if name == "store_and_fwd_flag":
        return pa.large_string() if whole else pa.string()
    if name in ("VendorID", *_ZONES):
        return pa.int32()
    if name in ("RatecodeID", "passenger_count", "payment_type", "trip_type"):
        return pa.int64() if whole else pa.float64()
    return pa.null() if name == "ehail_fee" and not whole else pa.float64()


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.lower() == "trip_distance":
        return f"{value:.2f}".removeprefix("0")
    if isinstance(value, Decimal):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return str(value)


def _coordinate(zone: int, moved: int, axis: int) -> Decimal:
    """A position in a zone, on a grid north of Manhattan's middle; zone 264 is none."""
    if zone == 264:
        return Decimal(0)
    if axis == 0:
        return Decimal("-73.97") + Decimal(zone % 8) / 50 + Decimal(moved % 997) / 100_000
    return Decimal("40.76") + Decimal(zone // 8) / 100 + Decimal(moved % 991) / 100_000
