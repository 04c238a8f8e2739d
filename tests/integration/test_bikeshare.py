"""Whole runs of the bike-share DAG, on a stack of their own."""

import csv
import re
from collections import Counter
from dataclasses import asdict
from datetime import date

import pytest

from infra.local.samples import bikeshare
from tests.integration.killer import Killer
from tests.integration.published import BATCHES, DATA, read, station

pytestmark = pytest.mark.integration

FIRST, LAST = date(2018, 1, 1), date(2018, 3, 31)
AGAIN, AGAIN_ENDS = date(2018, 2, 1), date(2018, 2, 28)
TRIPS = 6_000
TOKEN = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
"""A JSON Web Token, as Airflow's tasks show to its API server."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return bikeshare.generate(folder, months=("2018-01", "2018-02", "2018-03"), trips=TRIPS)


@pytest.fixture(scope="module")
def clean(lab, sample, fingerprint):
    """What the tables hold after one clean run of the three months."""
    lab.upload({file.key: file.path for batch in sample.batches for file in batch.files})
    outcome, said = lab.run(FIRST, LAST)
    assert len(outcome.succeeded) == 3, "\n".join(said)
    return fingerprint()


def test_every_row_is_accounted_for(lab, sample, clean):
    rows = lab.query(
        """
        select feed, batch_id, raw_rows, rejected_rows, loaded_rows
        from ops.load_ledger
        where source = 'bikeshare' and status = 'loaded' and batch_id like '2018%%'
        order by feed, batch_id
        """
    )
    assert rows == sorted(
        (b.feed, b.batch_id, b.raw_rows, b.rejected_rows, b.loaded_rows)
        for b in sample.batches
        if b.files
    )
    facts = lab.query(
        "select _batch_id, count(*) from marts.fct_trips group by _batch_id order by _batch_id"
    )
    assert facts == [(b.batch_id, b.fact_rows) for b in sample.of_feed("trips")]


def test_a_month_without_station_file_is_recorded(lab, sample, clean):
    rows = lab.query(
        """
        select batch_id
        from ops.load_ledger
        where feed = 'stations' and status = 'no_data' and batch_id like '2018%%'
        order by batch_id
        """
    )
    assert rows == [(b.batch_id,) for b in sample.of_feed("stations") if not b.files]
    assert rows


def test_station_traffic_is_what_the_sample_knows(lab, sample, clean):
    rows = lab.query(
        """
        select
            station.station_name,
            sum(traffic.departures),
            sum(traffic.arrivals)
        from marts.agg_station_traffic as traffic
        join marts.dim_station as station
            on traffic.station_key = station.station_key
        group by station.station_name
        """
    )
    known = {name: (t.departures, t.arrivals) for name, t in sample.answers.items() if name}
    found = {name: (int(departures), int(arrivals)) for name, departures, arrivals in rows}
    assert {name: found.get(name) for name in known} == known


def test_a_second_run_of_a_month_changes_nothing(lab, clean, fingerprint):
    outcome, said = lab.run(AGAIN, AGAIN_ENDS)
    assert len(outcome.succeeded) == 1, "\n".join(said)
    assert fingerprint() == clean


def test_killed_processes_leave_nothing_behind(lab, clean, fingerprint):
    """Kill the submitting task, Spark, the scheduler and the load; Airflow retries by itself."""
    known = {batch["id"] for batch in lab.livy("/batches")["sessions"]}
    clusters = lab.clusters()
    killer = Killer(lab, known)
    killer.start()
    outcome, said = lab.run(AGAIN, AGAIN_ENDS)
    killer.join()
    assert killer.error is None, killer.error
    assert killer.killed == ["submitter", "spark", "scheduler", "load"]
    assert len(outcome.succeeded) == 1, "\n".join(said)
    # The submitter's retry found its batch running, and so saw Spark die; the load's task was the
    # dead scheduler's, and is reset by the next one, which counts as no retry.
    retried = [line for line in said if "preprocess_trips up_for_retry" in line]
    assert len(retried) == 2, "\n".join(said)
    batches = [it for it in lab.livy("/batches")["sessions"] if it["id"] not in known]
    assert sum(it["name"].startswith("bikeshare.trips ") for it in batches) == 2
    assert fingerprint() == clean
    after = lab.clusters()
    assert len(after) == len(clusters) + 1
    assert set(after.values()) == {"TERMINATED"}, after


needs_real_files = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")


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


@needs_real_files
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


@needs_real_files
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


@needs_real_files
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


@needs_real_files
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


def test_no_secret_is_written_down(lab, clean):
    """Neither in a log, a report or manifest in S3, dbt's files, nor in Airflow's metadata.

    Airflow's metadata hold rendered templates and XComs. What the stack keeps secrets in, its
    environment and its settings, is what this test leaves out.
    """
    config = lab.config
    secrets = {name: value for name, value in asdict(config.secrets).items() if len(value) > 8}
    assert {"redshift_password", "postgres_password", "aws_secret_access_key"} <= secrets.keys()
    folders = [config.logs, config.airflow_home / "logs", config.s3, config.state / "dbt"]
    folders.append(config.state / "livy")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"attempt=1.log", "redshift.log", "report.json", "manifest.json"} <= names
    found = []
    for path in files:
        content = path.read_bytes()
        found += [(n, str(path)) for n, secret in secrets.items() if secret.encode() in content]
        found += [("token", str(path))] * bool(TOKEN.search(content))
    with lab.postgres("airflow") as metadata:
        tables = metadata.execute(
            "select tablename from pg_tables where schemaname = 'public' order by 1"
        ).fetchall()
        assert {("xcom",), ("rendered_task_instance_fields",)} <= set(tables)
        for (table,) in tables:
            for (row,) in metadata.execute(f'select t::text from "{table}" as t'):
                found += [(name, table) for name, secret in secrets.items() if secret in row]
    with lab.postgres() as warehouse:
        for (row,) in warehouse.execute("select t::text from pg_internal.load_history as t"):
            found += [(name, "load history") for name, secret in secrets.items() if secret in row]
    assert found == []
