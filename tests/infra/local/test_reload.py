"""`make reload`: which run it starts or follows. Real runs: tests/integration/test_bikeshare.py."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from infra.local import backfill, parsing, reload
from infra.local.__main__ import batch_start, main
from infra.local.config import CHECKOUT, Config
from infra.local.errors import StackError
from tests.infra.local.test_backfill import Airflow, Run

OCTOBER = datetime(2019, 10, 1, tzinfo=UTC)
NAMES = ["batch_id", "recorded_at"]


class Triggered(Airflow):
    """An Airflow that makes a run of what is triggered."""

    def post(self, path, body):
        assert path == "/dags/bikeshare/dagRuns"
        self.posted.append(body)
        run = Run(body["logical_date"], ["running", "success"], [[("load", "success", 1)]])
        run.conf = body["conf"]
        self.runs.append(run)

    def every(self, path, key, **query):
        rows = super().every(path, key, **query)
        if key != "dag_runs":
            return rows
        confs = {run.id: getattr(run, "conf", {}) for run in self.runs}
        return [row | {"conf": confs[row["dag_run_id"]]} for row in rows]


@pytest.fixture
def again(tmp_path, monkeypatch):
    monkeypatch.setattr(backfill, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(parsing, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(reload, "newest_change", lambda _: 0.0)
    config = Config.load({"STARLIFT_STATE": str(tmp_path)})

    def load(airflow, start=OCTOBER, known=("20190901T000000", "20191001T000000")):
        monkeypatch.setattr(reload, "AirflowApi", lambda _: airflow)
        monkeypatch.setattr(reload, "query", lambda *_: (NAMES, [[it, None] for it in known]))
        said = []
        outcome = reload.reload(config, "bikeshare", start, said.append)
        return outcome, [line.split("s  ", 1)[-1].strip() for line in said]

    return load


def test_it_triggers_a_run_for_the_batch_and_follows_it_by_the_batchs_name(again):
    airflow = Triggered()
    outcome, said = again(airflow)
    (body,) = airflow.posted
    assert body["conf"] == {"batch": "2019-10-01"}
    assert datetime.now(UTC) - datetime.fromisoformat(body["logical_date"]) < timedelta(minutes=1)
    assert airflow.patched == [("/dags/bikeshare", {"is_paused": False})]
    assert said == [
        "bikeshare: batch 2019-10-01 again",
        "2019-10-01  load success  1.0 s",
        "2019-10-01  run success  3.2 s",
    ]
    assert outcome.succeeded == ("2019-10-01",)


def test_a_batch_within_a_day_keeps_its_hour(again):
    airflow = Triggered()
    again(airflow, OCTOBER.replace(hour=6), ["20191001T060000"])
    assert airflow.posted[0]["conf"] == {"batch": "2019-10-01T06:00:00"}


@pytest.mark.parametrize("conf", [{}, {"batch": "2019-10-01"}])
def test_a_run_of_the_batch_that_is_going_on_is_followed(again, conf):
    when = OCTOBER if not conf else datetime.now(UTC)
    run = Run(when.isoformat(), ["running", "running", "failed"])
    run.conf = conf
    airflow = Triggered([run])
    outcome, said = again(airflow)
    assert airflow.posted == []
    assert said[:2] == [
        "bikeshare: a run of batch 2019-10-01 is going on: following it.",
        "Files that came after it began take another reload.",
    ]
    assert outcome.failed == ("2019-10-01",)


def test_a_batch_that_was_never_loaded_is_refused_with_what_to_do(again):
    airflow = Triggered()
    with pytest.raises(StackError) as caught:
        again(airflow, OCTOBER.replace(month=11), [f"2019{month:02}01T000000" for month in (5, 8)])
    assert str(caught.value) == (
        "bikeshare has no batch 20191101T000000 that could be loaded again. "
        "Its latest: 20190501T000000, 20190801T000000.\n"
        "For the first time: make backfill DAG=bikeshare FROM=2019-11-01 TO=2019-11-01"
    )
    assert (airflow.posted, airflow.patched) == ([], [])
    with pytest.raises(StackError, match="It has none so far"):
        again(airflow, known=[])


@pytest.mark.parametrize(
    "text", ["2019-10-01", "20191001T000000", "2019-10-01T00:00", "2019-10-01T02:00+02:00"]
)
def test_a_batch_is_named_by_its_start(text):
    assert batch_start(text) == OCTOBER


def test_what_is_no_batch_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["reload", "bikeshare", "october"])
    assert "'october' is no batch: write its start, as in 2021-09-01" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "DAG is missing: make reload DAG=bikeshare BATCH=2021-09-01"),
        (["DAG=bikeshare"], "BATCH is missing: its start, as in BATCH=2021-09-01"),
    ],
)
def test_make_reload_says_what_is_missing(given, said):
    done = subprocess.run(
        ["make", "-n", "reload", *given],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
