"""Made-up trips in the shapes that feeds have: files, contract, and the bare way to read them."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from spark_jobs import sql
from spark_jobs.feed import Feed, parse_feed

FILES = 2
LINES = 25_000  # different ones; a file has them several times, shuffled anew
FORMATS = [
    "yyyy-MM-dd HH:mm:ss",
    "M/d/yyyy H:mm",
    "M/d/yyyy H:mm:ss",
    "yyyy-MM-dd HH:mm",
    "yyyy-MM-dd HH:mm:ss.SSSSSS",
]
# Name in the file, column, type: those of the bike-share feed that today's files have.
COLUMNS = (
    ("ride_id", "trip_id", "varchar(64)"),
    ("rideable_type", "rideable_type", "varchar(32)"),
    ("started_at", "started_at", "timestamp"),
    ("ended_at", "ended_at", "timestamp"),
    ("start_station_name", "start_station_name", "varchar(160)"),
    ("start_station_id", "start_station_id", "varchar(64)"),
    ("end_station_name", "end_station_name", "varchar(160)"),
    ("end_station_id", "end_station_id", "varchar(64)"),
    ("start_lat", "start_latitude", "double precision"),
    ("start_lng", "start_longitude", "double precision"),
    ("end_lat", "end_latitude", "double precision"),
    ("end_lng", "end_longitude", "double precision"),
    ("member_casual", "rider_type", "varchar(32)"),
)
ABSENT = (
    ("bike_id", "varchar(32)"),
    ("duration_seconds", "numeric(12,2)"),
    ("gender", "varchar(16)"),
    ("birth_year", "smallint"),
)
TAXI = (
    ("VendorID", "vendor_id", "smallint"),
    ("lpep_pickup_datetime", "picked_up_at", "timestamp"),
    ("lpep_dropoff_datetime", "dropped_off_at", "timestamp"),
    ("store_and_fwd_flag", "stored", "varchar(1)"),
    ("RatecodeID", "rate_code", "smallint"),
    ("PULocationID", "picked_up_in", "smallint"),
    ("DOLocationID", "dropped_off_in", "smallint"),
    ("passenger_count", "passengers", "smallint"),
    ("trip_distance", "distance_miles", "numeric(9,2)"),
    ("fare_amount", "fare", "numeric(9,2)"),
    ("tip_amount", "tip", "numeric(9,2)"),
    ("total_amount", "total", "numeric(9,2)"),
)
_REQUIRED = {"trip_id", "started_at", "ended_at", "vendor_id", "picked_up_at", "dropped_off_at"}


@dataclass(frozen=True)
class Shape:
    """Files of one kind; `casts` and `read` are the bare way to the same columns."""

    name: str
    title: str
    feed: Feed
    casts: tuple[str, ...]
    read: Callable[[SparkSession, str], DataFrame]
    write: Callable[[int, Path], None]
    repeats: int

    @property
    def rows(self) -> int:
        """Return how many rows all files have."""
        return FILES * LINES * self.repeats

    def at(self, name: str, repeats: int) -> Shape:
        """Return the shape of files in another folder, each with its lines so often."""
        return replace(self, name=name, repeats=repeats)


def _feed(columns: tuple[tuple[str, str, str], ...], absent: Any = (), **files: Any) -> Feed:
    declared = [
        {
            "name": name,
            "data_type": kind,
            "aliases": [alias] if alias != name else [],
            "required": name in _REQUIRED,
            **({"formats": FORMATS} if kind == "timestamp" else {}),
        }
        for alias, name, kind in columns
    ]
    declared += [{"name": name, "data_type": kind, "optional": True} for name, kind in absent]
    spec = {"source": "bikeshare", "feed": "trips", "reject_limit": 0.05, "files": files}
    return parse_feed({**spec, "columns": declared})


def _casts(
    columns: tuple[tuple[str, str, str], ...], absent: Any = (), *, typed: bool = False
) -> tuple[str, ...]:
    def cast(alias: str, kind: str) -> str:
        if kind.startswith("varchar"):
            return alias
        if kind == "timestamp":
            moments = (f"try_to_timestamp({alias}, {sql.literal(form)})" for form in FORMATS)
            return f"cast({alias} as timestamp)" if typed else f"coalesce({', '.join(moments)})"
        return f"try_cast({alias} as {kind.removesuffix(' precision')})"

    return (
        *(f"{cast(alias, kind)} as {name}" for alias, name, kind in columns),
        *(f"cast(null as {kind}) as {name}" for name, kind in absent),
    )


def _strings() -> str:
    return ", ".join(f"{alias} string" for alias, _, _ in COLUMNS)


def _read_csv(spark: SparkSession, files: str) -> DataFrame:
    return spark.read.schema(_strings()).option("header", True).csv(files)


def _read_json(spark: SparkSession, files: str) -> DataFrame:
    return spark.read.schema(_strings()).json(files)


def _read_parquet(spark: SparkSession, files: str) -> DataFrame:
    return spark.read.parquet(files)


def _trip(rng: random.Random, broken: float) -> list[str]:
    start, minutes = rng.randrange(28 * 1440), rng.randrange(1, 600)
    origin, target = rng.randrange(600), rng.randrange(600)
    fields = [
        f"{rng.getrandbits(64):016X}",
        rng.choice(["docked_bike", "electric_bike", "classic_bike"]),
        *(_moment(start, rng), _moment(start + minutes, rng)),
        *(f"Station {origin} & Clark St", str(origin), f"Station {target} & Clark St", str(target)),
        *(f"{rng.uniform(41, 42):.6f}", f"{rng.uniform(-88, -87):.6f}"),
        *(f"{rng.uniform(41, 42):.6f}", f"{rng.uniform(-88, -87):.6f}"),
        rng.choice(["member", "casual"]),
    ]
    if rng.random() < broken:
        fields[rng.choice([0, 2])] = ""
    return fields


def _moment(minute: int, rng: random.Random) -> str:
    day, rest = divmod(minute, 1440)
    return f"2021-09-{day + 1:02} {rest // 60:02}:{rest % 60:02}:{rng.randrange(60):02}"


def _trips(broken: float) -> Iterator[list[str]]:
    rng = random.Random(7)  # noqa: S311 made-up trips
    return (_trip(rng, broken) for _ in range(LINES))


def _write_csv(broken: float, repeats: int, folder: Path) -> None:
    header = ",".join(alias for alias, _, _ in COLUMNS) + "\n"
    _write_lines([",".join(fields) for fields in _trips(broken)], repeats, folder, header)


def _write_json(repeats: int, folder: Path) -> None:
    names = [alias for alias, _, _ in COLUMNS]
    lines = [json.dumps(dict(zip(names, fields, strict=True))) for fields in _trips(0)]
    _write_lines(lines, repeats, folder)


def _write_lines(lines: list[str], repeats: int, folder: Path, header: str = "") -> None:
    folder.mkdir()
    rng = random.Random(8)  # noqa: S311 made-up trips
    for number in range(FILES):
        with (folder / f"{number}.txt").open("w") as file:
            file.write(header)
            for _ in range(repeats):
                rng.shuffle(lines)
                file.write("\n".join(lines) + "\n")


def _write_parquet(repeats: int, folder: Path) -> None:
    folder.mkdir()
    rows, rng = repeats * LINES, random.Random(9)  # noqa: S311 made-up trips
    begin = datetime.datetime(2024, 1, 1)
    moments = [begin + datetime.timedelta(seconds=rng.randrange(2_600_000)) for _ in range(rows)]
    cents = [rng.randrange(10_000) / 100 for _ in range(rows)]
    small = [rng.randrange(1, 7) for _ in range(rows)]
    columns = {
        "VendorID": pa.array(small, pa.int32()),
        "lpep_pickup_datetime": pa.array(moments, pa.timestamp("us")),
        "lpep_dropoff_datetime": pa.array(moments[::-1], pa.timestamp("us")),
        "store_and_fwd_flag": pa.array(["N"] * rows),
        "RatecodeID": pa.array(small, pa.float64()),
        "PULocationID": pa.array(small, pa.int32()),
        "DOLocationID": pa.array(small[::-1], pa.int32()),
        "passenger_count": pa.array(small, pa.float64()),
        **{name: pa.array(cents) for name in ("trip_distance", "fare_amount", "tip_amount")},
        "total_amount": pa.array(cents[::-1]),
    }
    for number in range(FILES):
        pq.write_table(pa.table(columns), folder / f"{number}.parquet")


def _csv(name: str, title: str, broken: float) -> Shape:
    feed, casts = _feed(COLUMNS, ABSENT), _casts(COLUMNS, ABSENT)
    return Shape(name, title, feed, casts, _read_csv, partial(_write_csv, broken), 56)


SHAPES = (
    _csv("clean", "trips as CSV", 0),
    _csv("broken", "trips as CSV, 1% rejected", 0.01),
    Shape(
        "typed",
        "taxi trips as Parquet",
        _feed(TAXI, format="parquet"),
        _casts(TAXI, typed=True),
        _read_parquet,
        _write_parquet,
        160,
    ),
    Shape(
        "json",
        "trips as JSON lines",
        _feed(COLUMNS, ABSENT, format="jsonl"),
        _casts(COLUMNS, ABSENT),
        _read_json,
        _write_json,
        32,
    ),
)
