"""Three months, then one again, then one with its processes killed: the tables end the same."""

import os
import signal
import threading
from datetime import date

import psutil
import pytest

from infra.local.samples import bikeshare
from tests.integration.waiting import eventually

pytestmark = pytest.mark.integration

FIRST, LAST = date(2018, 1, 1), date(2018, 3, 31)
AGAIN, AGAIN_ENDS = date(2018, 2, 1), date(2018, 2, 28)
TRIPS = 6_000


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
    known = {name: (t.departures, t.arrivals) for name, t in sample.traffic.items() if name}
    found = {name: (int(departures), int(arrivals)) for name, departures, arrivals in rows}
    assert {name: found.get(name) for name in known} == known


def test_a_second_run_of_a_month_changes_nothing(lab, clean, fingerprint):
    outcome, said = lab.run(AGAIN, AGAIN_ENDS)
    assert len(outcome.succeeded) == 1, "\n".join(said)
    assert fingerprint() == clean


def test_killed_processes_leave_nothing_behind(lab, clean, fingerprint):
    """Kill Spark midway, then the load between COPY and commit; Airflow retries by itself."""
    known = {batch["id"] for batch in lab.livy("/batches")["sessions"]}
    killer = Killer(lab, known)
    killer.start()
    outcome, said = lab.run(AGAIN, AGAIN_ENDS)
    killer.join()
    assert killer.error is None, killer.error
    assert killer.killed == ["spark", "load"]
    assert len(outcome.succeeded) == 1, "\n".join(said)
    retried = [line for line in said if "up_for_retry" in line]
    assert any("preprocess_trips" in line for line in retried), "\n".join(said)
    assert any("load_trips" in line for line in retried), "\n".join(said)
    assert fingerprint() == clean


class Killer(threading.Thread):
    """Waits for two moments of a run and sends SIGKILL in each."""

    def __init__(self, lab, known):
        super().__init__(daemon=True)
        self.lab = lab
        self.known = known
        self.killed = []
        self.error = None

    def run(self):
        try:
            self.kill_spark()
            self.kill_load()
        except BaseException as error:  # noqa: BLE001 the test reports it
            self.error = error

    def kill_spark(self):
        """SIGKILL the JVM of the trips batch once it has begun to write its attempt."""
        batch = eventually(self.trips_batch, "the trips batch runs in Livy")
        attempt = self.lab.config.s3 / self.lab.config.lake_bucket / "staged/bikeshare/trips"
        before = set(attempt.glob("20180201T000000/*/attempt-*"))
        eventually(
            lambda: set(attempt.glob("20180201T000000/*/attempt-*")) - before,
            "Spark writes its attempt",
        )
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            if "org.apache.spark.deploy.SparkSubmit" in line and batch["name"] in line:
                os.kill(process.pid, signal.SIGKILL)
                self.killed.append("spark")
                return
        raise AssertionError(f"no JVM runs {batch['name']}")

    def trips_batch(self):
        for batch in self.lab.livy("/batches")["sessions"]:
            name = batch.get("name") or ""
            if batch["id"] not in self.known and name.startswith("bikeshare.trips "):
                return batch if batch["state"] == "running" else None
        return None

    def kill_load(self):
        """SIGKILL the load task after COPY and before its ledger entry.

        A lock that lets others read the ledger, but not write it, stops the load just there.
        """
        with self.lab.postgres() as holder:
            holder.execute("lock table ops.load_ledger in share mode")
            with self.lab.postgres() as observer:
                observer.autocommit = True
                eventually(lambda: self.load_waits(observer), "the load of trips waits to commit")
            for process in self.lab.clients_of_the_gateway():
                process.send_signal(signal.SIGKILL)
            self.killed.append("load")
            holder.rollback()

    @staticmethod
    def load_waits(observer):
        return observer.execute(
            """
            select 1
            from pg_locks as waiting
            join pg_locks as held on waiting.pid = held.pid
            where not waiting.granted
                and waiting.relation = 'ops.load_ledger'::regclass
                and held.granted
                and held.relation = 'staging.bikeshare__trips'::regclass
                and held.mode = 'RowExclusiveLock'
            """
        ).fetchone()
