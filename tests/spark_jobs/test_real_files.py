"""Public data sets as they are published; their files are not part of this repository.

They are looked for in ../shared/data beside the checkout, and the tests are skipped without them.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

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
        return list(csv.DictReader(file))


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
            header = {declared["name"], *declared.get("aliases", [])} & set(raw[0])
            expected = sum(bool(record[name].strip()) for record in raw for name in header)
            found = sum(row[declared["name"]] is not None for row in rows)
            assert found == expected, declared["name"]
