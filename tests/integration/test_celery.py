"""The same DAG on two Celery workers, as on machines of one's own; one of them is killed midway."""

import contextlib
import threading
from dataclasses import fields
from datetime import date

import psutil
import pytest

from infra.local.config import Config, Ports
from infra.local.samples import bikeshare
from infra.local.stack import Stack
from tests.integration.conftest import Lab
from tests.integration.waiting import eventually
from tests.leash import leashed

pytestmark = [pytest.mark.integration, pytest.mark.long]

MONTH, MONTH_ENDS = date(2018, 1, 1), date(2018, 1, 31)
WORKERS = ("airflow-worker-1", "airflow-worker-2")
TASK = "execute_workload["


@pytest.fixture(scope="module")
def celery_lab(tmp_path_factory):
    state = tmp_path_factory.mktemp("celery")
    free = {Ports.variable(port.name): "0" for port in fields(Ports)}
    settings = {"STARLIFT_STATE": str(state), "STARLIFT_CELERY_WORKERS": "2", **free}
    with leashed(Stack(Config.load(settings))) as stack:
        yield Lab(stack)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return bikeshare.generate(tmp_path_factory.mktemp("sample"), months=("2018-01",), trips=2_000)


class WorkerKiller(threading.Thread):
    """SIGKILLs the worker whose task waits for Spark, with all its processes."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab = lab
        self.killed = None
        self.error = None

    def run(self):
        try:
            batch = eventually(self.batch, "the trips batch runs in Livy")
            task = eventually(lambda: self.process_of(batch), "a worker's process waits for it")
            workers = {self.lab.stack.supervisor.running()[name].pid: name for name in WORKERS}
            (worker,) = [each for each in task.parents() if each.pid in workers]
            for process in (worker, *worker.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):  # it ended with its parent
                    process.kill()
            self.killed = workers[worker.pid]
        except BaseException as error:  # noqa: BLE001 the test reports it
            self.error = error

    def batch(self):
        for batch in self.lab.livy("/batches")["sessions"]:
            if batch["name"].startswith("bikeshare.trips ") and batch["state"] == "running":
                return batch
        return None

    @staticmethod
    def process_of(batch):
        title = f"airflow worker -- {batch['name'].split()[-1]}"
        for process in psutil.process_iter(["cmdline"]):
            if title in " ".join(process.info["cmdline"] or []):
                return process
        return None


def test_a_month_on_two_workers_of_which_one_is_killed(celery_lab, sample):
    lab = celery_lab
    lab.upload({file.key: file.path for batch in sample.batches for file in batch.files})
    killer = WorkerKiller(lab)
    killer.start()
    outcome, said = lab.run(MONTH, MONTH_ENDS)
    killer.join()
    assert killer.error is None, killer.error
    assert killer.killed in WORKERS
    assert len(outcome.succeeded) == 1, "\n".join(said)
    for name in WORKERS:
        log = (lab.config.logs / f"{name}.log").read_text()
        assert TASK in log, f"{name} took no task"
    # One Spark batch each: the retry followed the one that its dead try had started.
    names = [batch["name"] for batch in lab.livy("/batches")["sessions"]]
    assert sorted(name.split()[0] for name in names) == ["bikeshare.stations", "bikeshare.trips"]


def test_the_tables_are_those_of_the_sample(celery_lab, sample):
    rows = celery_lab.query(
        "select feed, batch_id, raw_rows, rejected_rows, loaded_rows from ops.load_ledger "
        "where status = 'loaded' order by feed"
    )
    assert rows == sorted(
        (b.feed, b.batch_id, b.raw_rows, b.rejected_rows, b.loaded_rows)
        for b in sample.batches
        if b.files
    )
    (trips,) = sample.of_feed("trips")
    assert celery_lab.query("select count(*) from marts.fct_trips") == [(trips.fact_rows,)]
    traffic = celery_lab.query(
        "select station.station_name, sum(traffic.departures), sum(traffic.arrivals) "
        "from marts.agg_station_traffic as traffic "
        "join marts.dim_station as station on traffic.station_key = station.station_key "
        "group by station.station_name"
    )
    found = {name: (int(departures), int(arrivals)) for name, departures, arrivals in traffic}
    known = {name: (t.departures, t.arrivals) for name, t in sample.answers.items() if name}
    assert {name: found.get(name) for name in known} == known


def test_the_run_had_one_cluster_and_ended_it(celery_lab):
    ((name, state),) = celery_lab.clusters()
    assert (name.split()[0], state) == ("starlift-bikeshare", "TERMINATED")
