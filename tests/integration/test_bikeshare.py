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
FEBRUARY = "20180201T000000"
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
def clean(followed):
    """One clean run of both months is in the tables."""
    _, (status, said) = followed
    assert status == 0, said


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


@pytest.fixture(scope="module")
def late(sample, tmp_path_factory):
    """Files of February that come when both months are loaded, and the facts before and after.

    They hold new trips, corrections and bad rows. February's trips have numbers of their own in the
    first file, those of the clean run in the second, which corrects a trip of January, too.
    """
    files = {b.batch_id: [f.path for f in b.files] for b in sample.of_feed("trips")}
    paths = []
    for months in (("2017-11", "2017-12", "2018-01", "2018-02"), ("2018-01", "2018-02")):
        folder = tmp_path_factory.mktemp("late")
        other = bikeshare.generate(folder, months=months, trips=600, seed=7)
        made = other.of_feed("trips")[-1].files[1].path
        paths.append(made.rename(folder / f"201802-divvy-trips-{8 + len(paths)}.csv"))
    before = Calculated.of(files)
    after = Calculated.of({**files, FEBRUARY: [*files[FEBRUARY], *paths]})
    changed = {trip for trip, found in after.trips.items() if before.trips.get(trip) != found}
    batches_before = {before.trips.get(trip, ("new",))[0][:6] for trip in changed}
    assert batches_before == {"new", "201801", "201802"}
    assert after.rejected[FEBRUARY] > before.rejected[FEBRUARY]
    keys = {f"raw/bikeshare/trips/2018/02/{path.name}": path for path in paths}
    return keys, before, after


@pytest.fixture(scope="module")
def reloaded(lab, clean, late):
    """What the reload with the late files said while its processes were killed.

    The task that submits to Spark, Spark, the scheduler and the load; Airflow retries by itself.
    """
    keys, before, _ = late
    assert facts(lab) == (before.trips, before.traffic())
    known = {batch["id"] for batch in lab.livy("/batches")["sessions"]}
    clusters = lab.clusters()
    killer = Killer(lab, known)
    lab.upload(keys)
    killer.start()
    status, said = lab.command("reload", "bikeshare", "2018-02-01")
    killer.join()
    assert killer.error is None, killer.error
    assert killer.killed == ["submitter", "spark", "scheduler", "load"]
    assert status == 0, said
    return said, known, clusters


def test_late_files_are_reloaded_and_killed_processes_leave_nothing_behind(
    lab, clean, late, reloaded
):
    _, _, after = late
    said, known, clusters = reloaded
    assert "2018-02-01  load_trips success" in said
    # The submitter's retry found its batch running, and so saw Spark die; the load's task was the
    # dead scheduler's, and is reset by the next one, which counts as no retry.
    assert said.count("preprocess_trips up_for_retry") == 2, said
    batches = [it for it in lab.livy("/batches")["sessions"] if it["id"] not in known]
    assert sum(it["name"].startswith("bikeshare.trips ") for it in batches) == 2
    now = lab.clusters()
    assert len(now) == len(clusters) + 1
    assert {state for _, state in now} == {"TERMINATED"}, now

    assert facts(lab) == (after.trips, after.traffic())
    raw, rejected = after.raw[FEBRUARY], after.rejected[FEBRUARY]
    of_batch = f"where feed = 'trips' and batch_id = '{FEBRUARY}'"
    assert lab.query(
        f"select raw_rows, rejected_rows, loaded_rows from ops.load_ledger {of_batch}"
    ) == [(raw, rejected, raw - rejected)]
    assert lab.query(f"select sum(rejected_rows) from ops.load_rejects {of_batch}") == [(rejected,)]
    staged = f"select count(*) from staging.bikeshare__trips where _batch_id = '{FEBRUARY}'"
    assert lab.query(staged) == [(raw - rejected,)]


def test_the_facts_equal_a_full_refresh(lab, reloaded, fingerprint):
    before = fingerprint()
    refresh = ("dbt", "run", "--full-refresh", "--select", "fct_trips", "agg_station_traffic")
    folders = ("--project-dir", "dbt_project", "--profiles-dir", "profiles")
    status, said = lab.command("run", *refresh, *folders)
    assert status == 0, said
    assert fingerprint() == before


def test_what_has_no_batch_is_not_reloaded(lab, clean):
    status, said = lab.command("reload", "bikeshare", "2017-05-01")
    assert status == 1
    assert "bikeshare has no batch 20170501T000000 that could be loaded again." in said


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
