"""Whole runs of the bike-share DAG, on a stack of their own."""

from collections import Counter
from datetime import date

import pytest

from infra.local.samples import bikeshare
from tests.integration.killer import Killer
from tests.integration.leaks import leaks, secrets_of, tables, written_files
from tests.integration.raw_trips import Calculated

pytestmark = pytest.mark.integration

FIRST, LAST = date(2018, 1, 1), date(2018, 2, 28)
AGAIN, AGAIN_ENDS = date(2018, 2, 1), LAST
TRIPS = 4_000


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return bikeshare.generate(folder, months=("2018-01", "2018-02"), trips=TRIPS)


@pytest.fixture(scope="module")
def followed(lab, sample):
    """Status and words of who stops following the back-fill of both months, and comes back."""
    lab.upload({file.key: file.path for batch in sample.batches for file in batch.files})
    command = ("backfill", "bikeshare", str(FIRST), str(LAST))
    process = lab.start(*command)
    for line in process.stdout:
        if "wait_for_trips success" in line:
            break
    process.terminate()
    said, _ = process.communicate(timeout=10)
    return (process.returncode, said), lab.command(*command)


@pytest.fixture(scope="module")
def clean(followed, fingerprint):
    """What the tables hold after one clean run of both months."""
    _, (status, said) = followed
    assert status == 0, said
    return fingerprint()


def test_who_stops_following_a_backfill_comes_back_to_it(followed):
    (stopped, said), (status, later) = followed
    assert stopped == 143, said
    assert "the runs go on. The same command follows them again." in said
    assert status == 0, later
    assert "bikeshare: 2 runs, 2018-01-01 to 2018-02-28" in later
    assert "following" in later


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
    status, said = lab.command("accounting")
    assert status == 0, said
    lines = [line.split() for line in said.replace(",", "").splitlines()]
    for b in sample.of_feed("trips"):
        counts = [str(n) for n in (b.raw_rows, b.rejected_rows, b.loaded_rows)]
        assert ["bikeshare", "trips", b.batch_id, "loaded", *counts] in [line[:7] for line in lines]
    rejected = Counter()
    for b in sample.of_feed("trips"):
        rejected.update(b.rejected)
    shown = Counter()
    for line in lines[lines.index(["Rejected", "rows", "by", "rule"]) :]:
        if line[:2] == ["bikeshare", "trips"] and line[2] in rejected:
            shown[line[2]] += int(line[-1])
    assert shown == rejected
    assert "How fresh each feed is" in said


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


def facts(lab):
    """The fact's trips and the traffic of stations, as `Calculated` has them."""
    trips = lab.query("select trip_id, _batch_id, started_at, ended_at from marts.fct_trips")
    traffic = lab.query(
        """
        select station_name, sum(departures), sum(arrivals)
        from marts.agg_station_traffic
        group by station_name
        """
    )
    return (
        {trip: (batch, start, end) for trip, batch, start, end in trips},
        {name: (int(departures), int(arrivals)) for name, departures, arrivals in traffic},
    )


def test_late_files_are_reloaded_and_the_facts_equal_a_full_refresh(
    lab, sample, clean, fingerprint, tmp_path
):
    """Files of February come when both months are loaded: new trips, corrections, bad rows."""
    files = {b.batch_id: [f.path for f in b.files] for b in sample.of_feed("trips")}
    before = Calculated.of(files)
    assert facts(lab) == (before.trips, before.traffic())
    batch, late = "20180201T000000", []
    for months in (("2017-11", "2017-12", "2018-01", "2018-02"), ("2018-01", "2018-02")):
        # February's trips have numbers of their own in the first, those of the clean run in the
        # second, which corrects a trip of January, too.
        other = bikeshare.generate(tmp_path / str(len(late)), months=months, trips=600, seed=7)
        made = other.of_feed("trips")[-1].files[1].path
        late.append(made.rename(tmp_path / f"201802-divvy-trips-{8 + len(late)}.csv"))
    after = Calculated.of({**files, batch: [*files[batch], *late]})
    changed = {trip for trip, found in after.trips.items() if before.trips.get(trip) != found}
    batches_before = {before.trips.get(trip, ("new",))[0][:6] for trip in changed}
    assert batches_before == {"new", "201801", "201802"}
    assert after.rejected[batch] > before.rejected[batch]

    status, said = lab.command("reload", "bikeshare", "2017-05-01")
    assert status == 1
    assert "bikeshare has no batch 20170501T000000 that could be loaded again." in said
    keys = {f"raw/bikeshare/trips/2018/02/{path.name}": path for path in late}
    lab.upload(keys)
    try:
        status, said = lab.command("reload", "bikeshare", "2018-02-01")
    finally:
        for key in keys:
            (lab.config.s3 / lab.config.lake_bucket / key).unlink()
    assert status == 0, said
    assert "2018-02-01  load_trips success" in said

    assert facts(lab) == (after.trips, after.traffic())
    raw, rejected = after.raw[batch], after.rejected[batch]
    assert lab.query(
        f"""
        select raw_rows, rejected_rows, loaded_rows
        from ops.load_ledger
        where feed = 'trips' and batch_id = '{batch}'
        """
    ) == [(raw, rejected, raw - rejected)]
    reloaded = fingerprint()
    refresh = ("dbt", "run", "--full-refresh", "--select", "fct_trips", "agg_station_traffic")
    folders = ("--project-dir", "dbt_project", "--profiles-dir", "profiles")
    status, said = lab.command("run", *refresh, *folders)
    assert status == 0, said
    assert fingerprint() == reloaded


def test_killed_processes_leave_nothing_behind(lab, clean, fingerprint):
    """Kill the submitting task, Spark, the scheduler and the load; Airflow retries by itself.

    It runs February a second time, now without the late files of the test before, and all tables
    are those of the first run again.
    """
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
    assert {state for _, state in after} == {"TERMINATED"}, after


def test_no_secret_is_written_down(lab, clean):
    """Neither in a log, a report or manifest in S3, dbt's files, nor in Airflow's metadata.

    Airflow's metadata hold rendered templates and XComs, the warehouse's own tables what clients
    ran. What the stack keeps secrets in, its environment and settings, is left out. Then secrets
    are planted in each place, to see that they would be found.
    """
    config, secrets = lab.config, secrets_of(lab.config)
    assert {"redshift_password", "postgres_password", "aws_secret_access_key"} <= secrets.keys()
    names = {path.name for path in written_files(config)}
    assert {"attempt=1.log", "redshift.log", "report.json", "manifest.json"} <= names
    assert lab.query("select count(*) from sys_query_history")[0][0]  # it is written when read
    with lab.postgres("airflow") as metadata, lab.postgres() as warehouse:
        searched = {*tables(metadata, "public"), *tables(warehouse, "pg_internal", "ops")}
        assert {
            *("public.xcom", "public.rendered_task_instance_fields", "public.log"),
            *("pg_internal.load_history", "ops.load_ledger"),
        } <= searched
        assert leaks(config, metadata, warehouse) == set()

        task_log = next(path for path in written_files(config) if path.name == "attempt=1.log")
        planted = task_log.with_name("planted.log")
        stored = config.s3 / config.lake_bucket / "planted.json"
        token = ".".join(["eyJhbGciOiJIUzUxMiJ9", "eyJzdWIiOiIwMTkxIn0", "c2lnbmF0dXJlLW9m"])
        try:
            planted.write_text(f"password={secrets['redshift_password']}, {token}\n")
            stored.write_text(f'{{"key": "{secrets["aws_secret_access_key"]}"}}')
            metadata.execute(
                "insert into log (dttm, event, extra) values (now(), 'planted', %s)",
                (f'{{"conn": "postgres://postgres:{secrets["postgres_password"]}@host"}}',),
            )
            warehouse.execute(
                "insert into pg_internal.load_history (query_id, error_message) values (-1, %s)",
                (f"credentials 'aws_secret_access_key={secrets['aws_secret_access_key']}'",),
            )
            assert leaks(config, metadata, warehouse) == {
                ("redshift_password", "planted.log"),
                ("token", "planted.log"),
                ("aws_secret_access_key", "planted.json"),
                ("postgres_password", "public.log"),
                ("aws_secret_access_key", "pg_internal.load_history"),
            }
        finally:
            metadata.rollback()
            warehouse.rollback()
            planted.unlink(missing_ok=True)
            stored.unlink(missing_ok=True)
