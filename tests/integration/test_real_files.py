"""Real published files through the DAG, compared with a calculation that shares no code with it."""

import csv
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "divvy"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}"),
]

BATCHES = {
    date(2016, 12, 1): {
        "trips": ["Divvy_Trips_2016_sample.csv"],
        "stations": ["Divvy_Stations_2016.csv"],
    },
    date(2019, 10, 1): {"trips": ["Divvy_Trips_2019_Q3.csv", "Divvy_Trips_2019_Q4.csv"]},
    date(2020, 1, 1): {"trips": ["Divvy_Trips_2020_Q1.csv"]},
}
TIMES = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M")
COLUMNS = {
    "id": ("trip_id", "ride_id"),
    "start": ("starttime", "start_time", "started_at"),
    "end": ("stoptime", "end_time", "ended_at"),
    "from": ("from_station_name", "start_station_name"),
    "to": ("to_station_name", "end_station_name"),
}


def read(name):
    """The rows of a file as the calculation needs them; None for a row that can't be read."""
    with (DATA / name).open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            pick = {key: next(row[n] for n in names if n in row) for key, names in COLUMNS.items()}
            start, end = when(pick["start"]), when(pick["end"])
            readable = pick["id"].strip() and start and end
            yield {**pick, "start": start, "end": end} if readable else None


def when(text):
    for form in TIMES:
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    return None


def station(name):
    """The name without the mark of a temporary place, as the dictionary describes it."""
    return name.replace("(*)", "").replace("(Temp)", "").strip()


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
def loaded(lab):
    """The real files, through the DAG."""
    for month, feeds in BATCHES.items():
        for feed, names in feeds.items():
            prefix = f"raw/bikeshare/{feed}/{month:%Y/%m}"
            lab.upload({f"{prefix}/{name}": DATA / name for name in names})
        outcome, said = lab.run(month, month)
        assert len(outcome.succeeded) == 1, "\n".join(said)
    return lab


def batch_filter(column):
    ids = ", ".join(f"'{month:%Y%m%dT000000}'" for month in BATCHES)
    return f"{column} in ({ids})"


def test_raw_rows_and_rejects(loaded, expected):
    rows = loaded.query(
        f"""
        select batch_id, raw_rows, rejected_rows, loaded_rows
        from ops.load_ledger
        where feed = 'trips' and {batch_filter("batch_id")}
        """
    )
    assert {batch: (raw, rejected) for batch, raw, rejected, _ in rows} == expected[0]
    assert all(raw == rejected + loaded_rows for _, raw, rejected, loaded_rows in rows)


def test_one_fact_row_per_trip(loaded, expected):
    rows = loaded.query(
        f"""
        select trip_id, started_at, ended_at
        from marts.fct_trips
        where {batch_filter("_batch_id")}
        """
    )
    assert {trip: (start, end) for trip, start, end in rows} == {
        trip: (row["start"], row["end"]) for trip, (_, row) in expected[1].items()
    }
    assert len(rows) == len(expected[1])


def test_station_totals(loaded, expected):
    """Departures and arrivals per station name, over the trips of these batches."""
    rows = loaded.query(
        f"""
        select
            departure.station_name,
            arrival.station_name
        from marts.fct_trips as trip
        join marts.dim_station as departure
            on trip.start_station_key = departure.station_key
        join marts.dim_station as arrival
            on trip.end_station_key = arrival.station_key
        where {batch_filter("trip._batch_id")}
        """
    )
    trips = [row for _, row in expected[1].values()]
    assert Counter(start for start, _ in rows) == Counter(station(t["from"]) for t in trips)
    assert Counter(end for _, end in rows) == Counter(
        station(t["to"]) or "No station" for t in trips
    )


def test_stations_have_their_published_place_and_size(loaded):
    with (DATA / "Divvy_Stations_2016.csv").open(newline="", encoding="utf-8-sig") as file:
        published = {
            station(row["name"]): (float(row["latitude"]), int(row["dpcapacity"]))
            for row in csv.DictReader(file)
        }
    rows = loaded.query(
        """
        select station_name, latitude, dock_count
        from marts.dim_station
        where dock_count is not null
        """
    )
    found = {name: (float(latitude), docks) for name, latitude, docks in rows}
    for name, place_and_size in published.items():
        assert found[name] == pytest.approx(place_and_size, abs=1e-6), name
