"""Months and releases that the samples don't have, written by hand, under our contracts."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from elt_lib.contract_yaml import load_sources
from tests.spark_jobs.conftest import Batches, Outcome

pytestmark = pytest.mark.slow

TRIP_NAMES = (
    "ride_id,rideable_type,started_at,ended_at,start_station_name,start_station_id,"
    "end_station_name,end_station_id,start_lat,start_lng,end_lat,end_lng,member_casual"
)
U_DATA = b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n"
OF_ML_10M = {"delimiter": "::", "header": False, "quote": ""}


@pytest.fixture(scope="module")
def contracts(manifest: Path) -> dict[str, dict[str, Any]]:
    """What the Spark job is told of each feed."""
    return {
        f"{source.name}.{feed.name}": json.loads(base64.urlsafe_b64decode(feed.spec()))
        for source in load_sources(manifest).values()
        for feed in source.feeds
    }


def run(
    batches: Batches,
    contract: Mapping[str, Any],
    name: str,
    content: bytes,
    changes: Mapping[str, Any] | None = None,
) -> Outcome:
    """Run a batch of one file, with some of the contract's `files` changed."""
    batches.put(name, content)
    return batches.run({**contract, "files": {**contract["files"], **(changes or {})}}, name)


def trips(*times: tuple[str, str]) -> bytes:
    rows = [
        f"R{at},electric_bike,{start},{end},,,Clark St & Elm St,TA1307000039,41.9,-87.6,41.9,-87.6,"
        "casual"
        for at, (start, end) in enumerate(times)
    ]
    return "\n".join([TRIP_NAMES, *rows, ""]).encode()


def zipped(**files: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"ml-25m/{name.replace('_', '-')}.csv", text)
    return target.getvalue()


def test_a_month_of_bike_trips_in_mixed_formats(
    batches: Batches, contracts: dict[str, dict[str, Any]]
) -> None:
    """As one gets it by saving parts of a month again with a spreadsheet."""
    content = trips(
        ("2021-09-28 16:07:10", "2021-09-28 16:09:54"),
        ("9/28/2021 16:07", "9/28/2021 16:09:54"),
        ("2021-09-28 16:07", "2021-09-28 16:09:54.123"),
    )
    outcome = run(batches, contracts["bikeshare.trips"], "202109-divvy-tripdata.csv", content)
    assert outcome.error == ""
    assert [(row["started_at"], row["ended_at"]) for row in outcome.rows] == [
        (datetime(2021, 9, 28, 16, 7, second, tzinfo=UTC), datetime(2021, 9, 28, 16, 9, *end))
        for second, end in (
            (10, (54, 0, UTC)),
            (0, (54, 0, UTC)),
            (0, (54, 123_000, UTC)),
        )
    ]


def test_a_format_that_is_not_known_is_named(
    batches: Batches, contracts: dict[str, dict[str, Any]]
) -> None:
    content = trips(("28/9/2021 16:07", "2021-09-28 16:09:54"))
    outcome = run(batches, contracts["bikeshare.trips"], "202109.csv", content)
    assert "type  started_at  1     '28/9/2021 16:07'" in outcome.printed
    assert "1 of 1 rows (100.00%) break the contract of bikeshare.trips" in outcome.error


@pytest.mark.parametrize(
    ("feed", "name", "content", "held"),
    [
        ("bikeshare.trips", "202109.csv", trips().replace(b",", b";"), "'ride_id;rideable_type;"),
        ("movies.ratings", "u.data", U_DATA, r"'196\t242\t3\t881250949'"),
        ("movies.movies", "movies.dat", b"1::Toy Story (1995)::Comedy\n", "'1::Toy Story (1995)"),
    ],
)
def test_a_file_with_another_delimiter_is_refused_by_name(
    batches: Batches,
    contracts: dict[str, dict[str, Any]],
    feed: str,
    name: str,
    content: bytes,
    held: str,
) -> None:
    error = run(batches, contracts[feed], name, content).error
    assert f"/raw/{name} has one field in its first line, {held}" in error
    assert "correct `files.delimiter` (now ',') in the contract" in error


def test_an_archive_of_another_release_is_refused_by_name(
    batches: Batches, contracts: dict[str, dict[str, Any]]
) -> None:
    archive = zipped(ratings="userId,movieId,rating,timestamp\n")
    error = run(batches, contracts["movies.links"], "ml-1m.zip", archive).error
    assert "/raw/ml-1m.zip holds no file whose name matches 'links.csv'" in error


@pytest.mark.parametrize(
    ("feed", "name", "content", "changes", "expected"),
    [
        (
            "movies.movies",
            "movies.dat",  # ml-1m
            "73::Misérables, Les (1995)::Drama|Musical\n".encode("latin-1"),
            {**OF_ML_10M, "encoding": "latin-1"},
            [(73, "Misérables, Les (1995)", "Drama|Musical")],
        ),
        (
            "movies.movies",
            "movies.dat",
            b'1::"Great Performances" Cats (1998)::Musical\n',
            OF_ML_10M,
            [(1, '"Great Performances" Cats (1998)', "Musical")],
        ),
        (
            "movies.ratings",
            "ratings.dat",
            b"1::185::4.5::838983525\n",
            OF_ML_10M,
            [(1, 185, Decimal("4.5"), datetime(1996, 8, 2, 10, 58, 45, tzinfo=UTC))],
        ),
        (
            "movies.tags",
            "tags.dat",
            b"15::4973::excellent!::1215184630\n",
            OF_ML_10M,
            [(15, 4973, "excellent!", datetime(2008, 7, 4, 15, 17, 10, tzinfo=UTC))],
        ),
        (
            "movies.ratings",
            "u.data",  # ml-100k
            U_DATA,
            {"delimiter": "\t", "header": False},
            [
                (196, 242, Decimal("3.0"), datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)),
                (186, 302, Decimal("3.0"), datetime(1998, 4, 4, 19, 22, 22, tzinfo=UTC)),
            ],
        ),
    ],
)
def test_older_releases_of_movielens_are_read_by_a_contract_that_says_so(
    batches: Batches,
    contracts: dict[str, dict[str, Any]],
    feed: str,
    name: str,
    content: bytes,
    changes: dict[str, Any],
    expected: list[tuple[Any, ...]],
) -> None:
    outcome = run(batches, contracts[feed], name, content, changes)
    assert outcome.error == ""
    assert [tuple(row.values())[: len(expected[0])] for row in outcome.rows] == expected


def test_the_archive_of_a_newer_release_is_read_as_it_is(
    batches: Batches, contracts: dict[str, dict[str, Any]]
) -> None:
    """ml-20m, ml-25m and ml-32m: a folder, quoted titles, and files that no feed asks for."""
    archive = zipped(
        genome_tags="tagId,tag\n1,007\n",
        tags="userId,movieId,tag,timestamp\n3,260,classic,1439472355\n",
        movies='movieId,title,genres\n2,"American President, The (1995)",Comedy|Drama\n',
    )
    tags = run(batches, contracts["movies.tags"], "ml-25m.zip", archive)
    movies = run(batches, contracts["movies.movies"], "ml-25m.zip", archive)
    assert [(row["user_id"], row["tag_text"]) for row in tags.rows] == [(3, "classic")]
    assert [row["title"] for row in movies.rows] == ["American President, The (1995)"]


def test_taxi_columns_of_2025_and_later(
    batches: Batches, contracts: dict[str, dict[str, Any]]
) -> None:
    names = (
        "VendorID,lpep_pickup_datetime,lpep_dropoff_datetime,store_and_fwd_flag,RatecodeID,"
        "PULocationID,DOLocationID,passenger_count,trip_distance,fare_amount,extra,mta_tax,"
        "tip_amount,tolls_amount,ehail_fee,improvement_surcharge,total_amount,payment_type,"
        "trip_type,congestion_surcharge,CBD_congestion_fee,night_fee"
    )
    row = (
        "2,2025-01-01 00:00:10,2025-01-01 00:10:10,N,1,75,74,1,1.2,9.3,1,0.5,0,0,,1,11.8,2,1,0,"
        "0.75,1.5"
    )
    content = f"{names}\n{row}\n".encode()
    (found,) = run(batches, contracts["taxi.trips"], "green_2025-01.csv", content).rows
    assert found["cbd_congestion_fee"] == Decimal("0.75")
    assert found["other_columns"] == [("night_fee", "1.5")]
