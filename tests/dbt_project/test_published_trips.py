"""The real bike-share files from raw file to mart, against a calculation that shares no code.

The files are looked for in ../shared/data beside the checkout.
"""

import csv
from collections import Counter
from datetime import datetime

import pytest

from tests.dbt_project.published_trips import BATCHES, DATA, read, station
from tests.dbt_project.whole_way import whole_way

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}"),
]

FEEDS = ("stations", "trips")
BUILD = (
    *("build", "--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"),
    *("--select", "source:bikeshare.*+", "tag:shared"),
)


@pytest.fixture(scope="module")
def expected():
    """Per batch: raw rows, rejects; over all: the latest version of each trip."""
    counts, trips = {}, {}
    for month, feeds in BATCHES.items():
        rows = [row for name in feeds["trips"] for row in read(name)]
        kept = [row for row in rows if row]
        counts[f"{month:%Y%m%dT000000}"] = (len(rows), len(rows) - len(kept))
        trips |= {row["id"]: (month, row) for row in kept}
    return counts, trips


@pytest.fixture(scope="module")
def ask(tmp_path_factory, manifest):
    """Questions to a warehouse with the real files: the first month built, then the others."""
    with whole_way(tmp_path_factory.mktemp("trips"), manifest, "bikeshare") as way:
        for month, feeds in BATCHES.items():
            for feed in FEEDS:
                for name in feeds.get(feed, ()):
                    way.put(f"raw/bikeshare/{feed}/{month:%Y/%m}/{name}", DATA / name)
                at = datetime(month.year, month.month, month.day)
                way.take(feed, at, files=feed in feeds)
            if month in {min(BATCHES), max(BATCHES)}:
                way.warehouse.built(*BUILD)
        yield way.warehouse.rows


def test_raw_rows_and_rejects(ask, expected):
    rows = ask(
        "select batch_id, raw_rows, rejected_rows, loaded_rows "
        "from ops.load_ledger where feed = 'trips'"
    )
    assert {batch: (raw, rejected) for batch, raw, rejected, _ in rows} == expected[0]
    assert all(raw == rejected + loaded for _, raw, rejected, loaded in rows)


def test_one_fact_row_per_trip(ask, expected):
    rows = ask("select trip_id, started_at, ended_at from marts.fct_trips")
    assert {trip: (start, end) for trip, start, end in rows} == {
        trip: (row["start"], row["end"]) for trip, (_, row) in expected[1].items()
    }
    assert len(rows) == len(expected[1])


def test_station_totals(ask, expected):
    """Departures and arrivals per station name."""
    rows = ask(
        "select departure.station_name, arrival.station_name from marts.fct_trips as trip "
        "join marts.dim_station as departure on trip.start_station_key = departure.station_key "
        "join marts.dim_station as arrival on trip.end_station_key = arrival.station_key"
    )
    trips = [row for _, row in expected[1].values()]
    assert Counter(start for start, _ in rows) == Counter(station(t["from"]) for t in trips)
    assert Counter(end for _, end in rows) == Counter(
        station(t["to"]) or "No station" for t in trips
    )


def test_stations_have_their_published_place_and_size(ask):
    with (DATA / "Divvy_Stations_2016.csv").open(newline="", encoding="utf-8-sig") as file:
        published = {
            station(row["name"]): (float(row["latitude"]), int(row["dpcapacity"]))
            for row in csv.DictReader(file)
        }
    rows = ask(
        "select station_name, latitude, dock_count from marts.dim_station "
        "where dock_count is not null"
    )
    found = {name: (float(latitude), docks) for name, latitude, docks in rows}
    for name, place_and_size in published.items():
        assert found[name] == pytest.approx(place_and_size, abs=1e-6), name
