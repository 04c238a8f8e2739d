"""The publishers' own files of each source, through their DAGs side by side.

What becomes of every column is compared in tests/dbt_project, without Airflow; here the four DAGs
run at once, and rows, rejects and totals per key are those of the files. The files are looked for
in ../shared/data beside the checkout.
"""

from __future__ import annotations

import csv
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from infra.local.samples.movies import FEEDS
from tests.dbt_project import published_arrivals, published_trips
from tests.integration.conftest import Lab

DATA = published_arrivals.DATA
MOVIES = DATA / "movielens"
TRIPS = DATA / "green_taxi" / "green_tripdata_2024-01.parquet"
RENTALS = published_trips.BATCHES[date(2019, 10, 1)]["trips"]
ZONES = DATA / "green_taxi" / "taxi+_zone_lookup.csv"
MONTHS = {
    "bikeshare": date(2019, 10, 1),
    "immigration": date(2016, 4, 1),
    "movies": date(2018, 10, 1),
    "taxi": date(2024, 1, 1),
}

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}"),
]


def lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter=";" if "demographics" in path.name else ",")


@pytest.fixture(scope="module")
def loaded(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    packed = tmp_path_factory.mktemp("release") / "ml-latest-small.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(MOVIES.iterdir()):
            archive.write(path, f"ml-latest-small/{path.name}")
    lab.upload(
        {
            f"raw/taxi/trips/2024/01/{TRIPS.name}": TRIPS,
            f"raw/taxi/zones/2024/01/{ZONES.name}": ZONES,
            **{f"raw/bikeshare/trips/2019/10/{n}": published_trips.DATA / n for n in RENTALS},
            "raw/immigration/arrivals/2016/04/sample.csv": published_arrivals.ARRIVALS,
            "raw/immigration/city_demographics/2016/04/cities.csv": published_arrivals.CITIES,
            "raw/immigration/airports/2016/04/airports.csv": published_arrivals.AIRPORTS,
            "raw/immigration/state_temperatures/2016/04/t.csv": published_arrivals.TEMPERATURES,
            **{f"raw/movies/{feed}/2018/10/{packed.name}": packed for feed in FEEDS},
        }
    )
    with ThreadPoolExecutor(len(MONTHS)) as pool:
        runs = {name: pool.submit(lab.run, day, day, name) for name, day in MONTHS.items()}
    for name, run in runs.items():
        outcome, said = run.result()
        assert len(outcome.succeeded) == 1, "\n".join([name, *said])
    return lab


def test_every_row_of_every_file_is_loaded(loaded: Lab) -> None:
    names = ", ".join(f"'{name}'" for name in MONTHS)
    found = loaded.query(
        "select source, feed, raw_rows, rejected_rows, loaded_rows from ops.load_ledger "
        f"where source in ({names})"
    )
    files = {
        ("immigration", "arrivals"): published_arrivals.ARRIVALS,
        ("immigration", "city_demographics"): published_arrivals.CITIES,
        ("immigration", "airports"): published_arrivals.AIRPORTS,
        ("immigration", "state_temperatures"): published_arrivals.TEMPERATURES,
        ("taxi", "zones"): ZONES,
        **{("movies", feed): MOVIES / f"{feed}.csv" for feed in FEEDS},
    }
    rows = {feed: sum(1 for _ in lines(path)) for feed, path in files.items()}
    rows["taxi", "trips"] = pq.ParquetFile(TRIPS).metadata.num_rows
    expected = {feed: [count, 0, count] for feed, count in rows.items()}
    rentals = [row for name in RENTALS for row in published_trips.read(name)]
    bad = rentals.count(None)
    expected["bikeshare", "trips"] = [len(rentals), bad, len(rentals) - bad]
    expected["bikeshare", "stations"] = [0, 0, 0]  # a month without a list of stations
    assert {(source, feed): counts for source, feed, *counts in found} == expected


def test_departures_by_station(loaded: Lab) -> None:
    found = loaded.query(
        "select s.station_name, count(*) from marts.fct_trips as t "
        "join marts.dim_station as s on t.start_station_key = s.station_key group by s.station_name"
    )
    rentals = [row for name in RENTALS for row in published_trips.read(name)]
    latest = {row["id"]: row for row in rentals if row}
    expected = Counter(published_trips.station(row["from"]) for row in latest.values())
    assert {name: int(count) for name, count in found} == expected


def test_arrivals_by_state(loaded: Lab) -> None:
    found = loaded.query(
        "select state_key, cast(sum(arrivals) as bigint) from marts.agg_state_arrivals_daily "
        "group by state_key"
    )
    assert dict(found) == Counter(
        row["i94addr"] or "-" for row in lines(published_arrivals.ARRIVALS)
    )


def test_revenue_by_pick_up_zone(loaded: Lab) -> None:
    found = loaded.query(
        "select z.location_id, sum(r.revenue_amount) from marts.agg_green_rides_daily as r "
        "join marts.dim_taxi_zone as z on r.pickup_zone_key = z.zone_key group by z.location_id"
    )
    expected: dict[int, Decimal] = {}
    table = pq.read_table(TRIPS, columns=["PULocationID", "total_amount"]).to_pylist()
    for row in table:
        amount = Decimal(str(row["total_amount"])).quantize(Decimal("0.01"))
        place = row["PULocationID"]
        expected[place] = expected.get(place, Decimal(0)) + amount
    assert {int(place): amount for place, amount in found} == expected


def test_ratings_by_movie(loaded: Lab) -> None:
    found = loaded.query(
        "select m.movie_id, r.rating_count, r.rating_total from marts.agg_movie_ratings as r "
        "join marts.dim_movie as m on r.movie_key = m.movie_key"
    )
    counts: Counter[int] = Counter()
    totals: dict[int, Decimal] = {}
    for row in lines(MOVIES / "ratings.csv"):
        movie = int(row["movieId"])
        counts[movie] += 1
        totals[movie] = totals.get(movie, Decimal(0)) + Decimal(row["rating"])
    assert {int(movie): (int(count), total) for movie, count, total in found} == {
        movie: (count, totals[movie]) for movie, count in counts.items()
    }
