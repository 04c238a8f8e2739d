"""Public data sets as they are published; their files are not part of this repository.

They are looked for in ../shared/data beside the checkout, and the tests are skipped without them.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.spark_jobs.conftest import Batches
from tests.spark_jobs.feeds import column

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[3] / "shared" / "data"
FORMATS = ["yyyy-MM-dd HH:mm:ss", "M/d/yyyy H:mm", "M/d/yyyy H:mm:ss"]
TRIPS = {
    "source": "bikeshare",
    "feed": "trips",
    "extra_columns": "ignore",
    "reject_limit": 0.02,
    "columns": [
        column(
            "trip_id",
            "varchar(64)",
            required=True,
            aliases=["ride_id", "01 - Rental Details Rental ID"],
        ),
        column(
            "started_at",
            "timestamp",
            required=True,
            aliases=["start_time", "starttime", "01 - Rental Details Local Start Time"],
            formats=FORMATS,
        ),
        column(
            "duration",
            "integer",
            optional=True,
            thousands=",",
            aliases=["tripduration", "01 - Rental Details Duration In Seconds Uncapped"],
        ),
        column(
            "start_station_name",
            "varchar(128)",
            aliases=["from_station_name", "03 - Rental Start Station Name"],
        ),
        column(
            "birth_year",
            "smallint",
            optional=True,
            aliases=["birthyear", "05 - Member Details Member Birthday Year"],
        ),
        column("start_lat", "double precision", optional=True),
    ],
}
STATIONS = {
    "source": "bikeshare",
    "feed": "stations",
    "reject_limit": 0,
    "columns": [
        column("station_id", "integer", required=True, aliases=["id"]),
        column("name", "varchar(128)", required=True),
        column("city", "varchar(64)", optional=True),
        column("latitude", "numeric(9,6)"),
        column("longitude", "numeric(9,6)"),
        column("docks", "smallint", aliases=["dpcapacity"]),
        column("online_date", "date", formats=["M/d/yyyy", "M/d/yyyy H:mm"]),
    ],
}
RATINGS = {
    "source": "movielens",
    "feed": "ratings",
    "columns": [
        column("user_id", "integer", required=True, aliases=["userId"]),
        column("movie_id", "integer", required=True, aliases=["movieId"]),
        column("rating", "numeric(2,1)", required=True),
        column("rated_at", "bigint", required=True, aliases=["timestamp"]),
    ],
}
MOVIES = {
    "source": "movielens",
    "feed": "movies",
    "columns": [
        column("movie_id", "integer", required=True, aliases=["movieId"]),
        column("title", "varchar(300)", required=True),
        column("genres", "varchar(200)", required=True),
    ],
}
ARRIVALS = {
    "source": "i94",
    "feed": "arrivals",
    "extra_columns": "capture",
    "columns": [
        column("arrival_id", "bigint", required=True, aliases=["cicid"]),
        column("port", "char(3)", aliases=["i94port"]),
        column("arrived_on", "date", required=True, aliases=["arrdate"], formats=["sas_date"]),
        column("left_on", "date", aliases=["depdate"], formats=["sas_date"]),
        column("filed_on", "date", aliases=["dtadfile"], formats=["yyyyMMdd"]),
        column("admission_number", "numeric(12,0)", aliases=["admnum"], sensitive=True),
        column("gender", "char(1)", accepted_values=["F", "M", "X", "U"]),
        column("birth_year", "smallint", aliases=["biryear"], min="1900", max="2016"),
        column("rest", "super", extra=True),
    ],
}
CITIES = {
    "source": "i94",
    "feed": "cities",
    "extra_columns": "ignore",
    "files": {"delimiter": ";"},
    "columns": [
        column("city", "varchar(64)", required=True, aliases=["City"]),
        column("median_age", "numeric(4,1)", aliases=["Median Age"]),
        column("inhabitants", "integer", aliases=["Total Population"]),
    ],
}
AIRPORTS = {
    "source": "i94",
    "feed": "airports",
    "extra_columns": "ignore",
    "columns": [
        column("ident", "varchar(8)", required=True),
        column("elevation_ft", "integer"),
        column("coordinates", "varchar(64)", required=True),
    ],
}
ZONES = {
    "source": "taxi",
    "feed": "zones",
    "files": {"loose_headers": True},
    "columns": [
        column("location_id", "smallint", required=True, aliases=["LOCATION ID"]),
        column("borough", "varchar(32)"),
        column("zone", "varchar(64)"),
        column("service_zone", "varchar(32)"),
    ],
}
TEMPERATURES = {
    "source": "berkeley",
    "feed": "temperatures",
    "columns": [
        column(  # Excel wrote the dates that it knew, those from 1900 on, in its own way
            "month", "date", required=True, aliases=["dt"], formats=["yyyy-MM-dd", "M/d/yyyy"]
        ),
        column("celsius", "numeric(6,3)", aliases=["AverageTemperature"]),
        column("uncertainty", "real", aliases=["AverageTemperatureUncertainty"]),
        column("state", "varchar(64)", required=True, aliases=["State"]),
        column("country", "varchar(64)", required=True, aliases=["Country"]),
    ],
}


def raw_rows(path: Path) -> list[dict[str, str]]:
    """Return the records of a file as Python's own reader sees them."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        delimiter = ";" if "demographics" in path.name else ","
        return list(csv.DictReader(file, delimiter=delimiter))


def loosely(name: str) -> str:
    return "".join(name.split()).casefold()


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (TRIPS, ["divvy/Divvy_Trips_2016_sample.csv"]),
        (
            TRIPS,
            [
                "divvy/Divvy_Trips_2019_Q2.csv",
                "divvy/Divvy_Trips_2019_Q3.csv",
                "divvy/Divvy_Trips_2019_Q4.csv",
                "divvy/Divvy_Trips_2020_Q1.csv",
            ],
        ),
        (STATIONS, ["divvy/Divvy_Stations_2016.csv", "divvy/Divvy_Stations_2017_Q3Q4.csv"]),
        (RATINGS, ["movielens/ratings.csv"]),
        (MOVIES, ["movielens/movies.csv"]),
        (TEMPERATURES, ["temperature/GlobalLandTemperaturesByState.csv"]),
        (ARRIVALS, ["i94/immigration_data_sample.csv"]),
        (CITIES, ["i94/us-cities-demographics.csv"]),
        (AIRPORTS, ["i94/airport-codes_csv.csv"]),
        (ZONES, ["green_taxi/taxi+_zone_lookup.csv"]),
    ],
    ids=lambda value: value["feed"] if isinstance(value, dict) else value[0].split("/")[1],
)
def test_every_row_of_public_files_arrives(
    batches: Batches, spec: dict[str, Any], names: list[str]
) -> None:
    paths = [DATA / name for name in names]
    if missing := [str(path) for path in paths if not path.exists()]:
        pytest.skip(f"public data sets are not there: {missing}")
    for path in paths:
        batches.put(path.name, path.read_bytes())
    outcome = batches.run(spec)
    assert (outcome.error, outcome.rejects) == ("", [])
    for path in paths:
        raw = raw_rows(path)
        rows = [row for row in outcome.rows if row["_source_file"].endswith(f"/{path.name}")]
        assert len(rows) == len(raw)
        for declared in spec["columns"]:
            if declared.get("extra"):
                continue
            names = {loosely(name) for name in (declared["name"], *declared.get("aliases", []))}
            header = [name for name in raw[0] if loosely(name) in names]
            expected = sum(bool(record[name].strip()) for record in raw for name in header)
            found = sum(row[declared["name"]] is not None for row in rows)
            assert found == expected, declared["name"]


def test_the_published_parquet_of_a_month_arrives(batches: Batches) -> None:
    path = DATA / "green_taxi" / "green_tripdata_2024-01.parquet"
    if not path.exists():
        pytest.skip(f"public data sets are not there: {path}")
    batches.put("2024-01.parquet", path.read_bytes())
    moment = {"formats": ["yyyy-MM-dd HH:mm:ss"], "required": True}
    spec = {
        "source": "taxi",
        "feed": "green",
        "extra_columns": "ignore",
        "files": {"format": "parquet", "loose_headers": True},
        "columns": [
            column("vendor_id", "smallint", required=True, aliases=["vendorid"]),
            column("picked_up_at", "timestamp", aliases=["lpep_pickup_datetime"], **moment),
            column("dropped_off_at", "timestamp", aliases=["lpep_dropoff_datetime"], **moment),
            column("passengers", "smallint", aliases=["passenger_count"]),
            column("total", "numeric(9,2)", required=True, aliases=["total_amount"]),
            column("trip_type", "smallint"),
        ],
    }
    outcome = batches.run(spec, "*.parquet")
    assert (outcome.error, outcome.rejects) == ("", [])
    raw = pq.read_table(path).to_pylist()
    assert len(outcome.rows) == len(raw) == 56_551
    cents = sum(round(row["total_amount"] * 100) for row in raw)
    assert sum(row["total"] for row in outcome.rows) * 100 == cents
    for name, original in (("passengers", "passenger_count"), ("trip_type", "trip_type")):
        known = sum(row[original] is not None for row in raw)
        assert sum(row[name] is not None for row in outcome.rows) == known > 0
