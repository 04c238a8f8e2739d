from datetime import UTC, date, datetime
from urllib.parse import unquote

import pytest

from infra.local import backfill as module
from infra.local import parsing
from infra.local.airflow_api import ApiError
from infra.local.backfill import Outcome, backfill, batch, error_lines, log_path
from infra.local.config import Config
from infra.local.errors import StackError
from infra.local.parsing import patience, wait_for_dag

OCTOBER, NOVEMBER = datetime(2019, 10, 1, tzinfo=UTC), datetime(2019, 11, 1, tzinfo=UTC)


class Airflow:
    """An Airflow whose runs go one step further each time they are listed."""

    url = "http://127.0.0.1:8080"

    def __init__(self, runs=(), dags=("bikeshare",), active=()):
        self.runs = list(runs)
        self.dags = list(dags)
        self.active = list(active)  # backfills that count as running
        self.posted, self.put_to, self.patched = [], [], []
        self.import_errors = []

    def get(self, path, **_):
        if path.endswith("/details"):
            name = path.split("/")[2]
            if name not in self.dags:
                raise ApiError(404, "not found")
            return {
                "file_token": "token",
                "is_stale": False,
                "has_import_errors": bool(self.import_errors),
                "last_parsed_time": "2026-01-01T00:00:00Z",
            }
        if "/logs/" in path:
            return {"content": [{"event": "boom", "level": "error"}]}
        raise AssertionError(path)

    def every(self, path, key, **query):
        if key == "dags":
            return [{"dag_id": name} for name in self.dags]
        if key == "import_errors":
            return self.import_errors
        if key == "backfills":
            return self.active
        if key == "task_instances":
            run_id = unquote(path.split("/")[4])
            (run,) = [run for run in self.runs if run.id == run_id]
            return run.tasks()
        if "state" in query:
            return [run.row() for run in self.runs if run.state() in query["state"]]
        for run in self.runs:
            run.step += 1
        return [run.row() for run in self.runs]

    def post(self, path, body):
        if path.endswith("dry_run"):
            over = [run for run in self.runs if run.planned]
            return {"backfills": [{"logical_date": run.logical_date} for run in over]}
        self.posted.append(body)
        if self.active:
            raise ApiError(409, "there is another one")
        return {"id": 7}

    def put(self, path):
        self.put_to.append(path)
        if path.endswith("/cancel"):
            self.active = []

    def patch(self, path, body):
        self.patched.append((path, body))


class Run:
    def __init__(self, logical_date, states, tasks=((),), planned=True):
        self.planned = planned
        self.id = f"backfill__{logical_date}"
        self.logical_date = logical_date
        self.states, self.by_step, self.step = states, tasks, 0

    def state(self):
        return self.states[min(self.step, len(self.states) - 1)]

    def row(self):
        return {
            "dag_run_id": self.id,
            "state": self.state(),
            "logical_date": self.logical_date,
            "duration": 3.25,
        }

    def tasks(self):
        return [
            {
                "task_id": name,
                "state": state,
                "try_number": number,
                "map_index": -1,
                "end_date": None,
                "duration": 1.0,
            }
            for name, state, number in self.by_step[min(self.step, len(self.by_step) - 1)]
        ]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(parsing, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(module, "newest_change", lambda _: 0.0)
    config = Config.load({"STARLIFT_STATE": str(tmp_path)})

    def follow(airflow, first=date(2019, 10, 1), last=date(2019, 11, 30)):
        monkeypatch.setattr(module, "AirflowApi", lambda _: airflow)
        lines = []
        outcome = backfill(config, "bikeshare", first, last, lines.append)
        return outcome, [line.split("s  ", 1)[-1].strip() for line in lines]

    follow.config = config
    return follow


def test_each_change_is_told_once_and_the_end_is_awaited(run):
    airflow = Airflow(
        [
            Run(
                "2019-10-01T00:00:00Z",
                ["queued", "running", "running", "success"],
                [
                    (),
                    [("load", "running", 1)],
                    [("load", "success", 1)],
                    [("load", "success", 1), ("late", "skipped", 0)],
                ],
            ),
            Run("2019-11-01T00:00:00Z", ["success"], [[("load", "success", 1)]]),
        ]
    )
    outcome, lines = run(airflow)
    assert lines == [
        "bikeshare: 2 runs, 2019-10-01 to 2019-11-30",
        "2019-11-01  load success  1.0 s",
        "2019-11-01  run success  3.2 s",
        "2019-10-01  load success  1.0 s",
        "2019-10-01  run success (1 of 2 tasks not run)  3.2 s",
    ]
    assert outcome == Outcome(("2019-10-01", "2019-11-01"), ())
    assert airflow.patched == [("/dags/bikeshare", {"is_paused": False})]
    (body,) = airflow.posted
    assert (body["from_date"], body["to_date"]) == (
        OCTOBER.isoformat(),
        "2019-11-30T00:00:00+00:00",
    )
    assert body["reprocess_behavior"] == "completed"
    assert body["max_active_runs"] == 2


def test_each_try_that_fails_is_explained_with_its_log(run):
    airflow = Airflow(
        [
            Run(
                "2019-10-01T00:00:00Z",
                ["running", "running", "running", "failed"],
                [
                    (),
                    [("load", "up_for_retry", 1)],
                    [("load", "running", 2)],
                    [("load", "failed", 2)],
                ],
            )
        ]
    )
    outcome, lines = run(airflow)
    assert outcome.failed == ("2019-10-01",)
    explained = [line for line in lines if "log:" in line]
    assert [line.rpartition("/")[2] for line in explained] == ["attempt=1.log", "attempt=2.log"]
    assert all("boom" in line for line in explained)
    assert lines[-1] == "2019-10-01  run failed  3.2 s"


def test_the_same_range_is_followed_and_not_started_twice(run):
    active = {
        "id": 3,
        "completed_at": None,
        "from_date": "2019-10-01T00:00:00Z",
        "to_date": "2019-11-30T00:00:00Z",
    }
    airflow = Airflow([Run("2019-10-01T00:00:00Z", ["running", "success"])], active=[active])
    outcome, lines = run(airflow)
    assert len(outcome.succeeded) == 1
    assert "This backfill is going on already: following it." in lines
    assert airflow.put_to == []


def test_runs_that_are_going_on_are_followed(run):
    airflow = Airflow([Run("2019-10-01T00:00:00Z", ["running", "success"], planned=False)])
    outcome, lines = run(airflow)
    assert outcome.succeeded == ("2019-10-01",)
    assert airflow.posted == []
    assert "Going on already: following." in lines


def test_another_range_has_to_wait(run):
    active = {
        "id": 3,
        "completed_at": None,
        "from_date": "2018-01-01T00:00:00Z",
        "to_date": "2018-02-01T00:00:00Z",
    }
    airflow = Airflow([Run("2019-10-01T00:00:00Z", ["running"])], active=[active])
    with pytest.raises(StackError, match=r"2018-01-01 to 2018-02-01.*/dags/bikeshare/backfills"):
        run(airflow)


def test_a_backfill_that_is_over_but_not_closed_is_closed(run):
    active = {
        "id": 3,
        "completed_at": None,
        "from_date": "2018-01-01T00:00:00Z",
        "to_date": "2018-02-01T00:00:00Z",
    }
    airflow = Airflow([Run("2019-10-01T00:00:00Z", ["success"])], active=[active])
    outcome, _ = run(airflow)
    assert airflow.put_to == ["/backfills/3/cancel"]
    assert len(airflow.posted) == 2
    assert len(outcome.succeeded) == 1


def test_ranges_without_runs_are_refused(run):
    with pytest.raises(StackError, match="FROM=2019-10-02 is after TO=2019-10-01"):
        run(Airflow(), first=date(2019, 10, 2), last=date(2019, 10, 1))
    with pytest.raises(StackError, match="bikeshare has no runs from 2019-10-01"):
        run(Airflow())


def test_an_unknown_dag_is_named_with_the_known_ones_and_the_import_errors(run):
    airflow = Airflow(dags=["other"])
    airflow.import_errors = [{"filename": "bikeshare.py", "stack_trace": "NameError: oops\n"}]
    with pytest.raises(StackError) as error:
        wait_for_dag(airflow, "bikeshare", seconds=0.0)
    assert str(error.value) == (
        "The DAG 'bikeshare' is not there. Airflow has: other.\n\n"
        "bikeshare.py cannot be imported:\nNameError: oops"
    )


def test_a_dag_with_a_file_is_waited_for_while_others_are_parsed_already(run):
    airflow = Airflow([Run("2019-10-01T00:00:00Z", ["success"])], dags=["other"])
    looks = iter(range(30))

    def parsed(seconds):
        if next(looks) == 20:
            airflow.dags.append("bikeshare")

    wait_for_dag(airflow, "bikeshare", 0.0, 60.0, 60.0, parsed)
    assert patience(run.config, "bikeshare") == (90.0, 90.0)
    assert patience(run.config, "bikshare") == (90.0, 15.0)


def test_a_dag_that_was_parsed_before_the_last_change_is_parsed_again(run):
    airflow = Airflow()
    newest = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    with pytest.raises(StackError, match="cannot be used"):
        wait_for_dag(airflow, "bikeshare", newest, seconds=0.0)
    assert airflow.put_to == ["/parseDagFile/token"]
    wait_for_dag(airflow, "bikeshare", datetime(2025, 12, 31, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            [
                {"event": "start", "level": "info"},
                {
                    "event": "Task failed",
                    "level": "error",
                    "error_detail": [{"exc_type": "ValueError", "exc_value": "a\nb"}],
                },
                {"event": "after", "level": "error"},
            ],
            ["Task failed", "ValueError: a", "b"],
        ),
        ([{"event": "x", "level": "error"}, {"event": "y", "level": "critical"}], ["x", "y"]),
        ([{"event": "::group::Pre"}, {"event": "last words", "level": "info"}], ["last words"]),
        (["plain", "text"], ["plain", "text"]),
        ([], []),
    ],
)
def test_the_error_is_picked_out_of_a_log(content, expected):
    assert error_lines(content) == expected


def test_a_long_error_keeps_its_end():
    lines = [str(number) for number in range(50)]
    content = [{"event": "\n".join(lines), "level": "error"}]
    assert error_lines(content) == lines[-module.ERROR_LINES :]


def test_log_files_are_found_where_airflow_writes_them(run):
    task = {"task_id": "transform.fct", "map_index": -1, "try_number": 2}
    folder = run.config.airflow_home / "logs" / "dag_id=d" / "run_id=r" / "task_id=transform.fct"
    assert log_path(run.config, "d", "r", task) == folder / "attempt=2.log"
    task["map_index"] = 3
    assert log_path(run.config, "d", "r", task) == folder / "map_index=3" / "attempt=2.log"


def test_a_run_is_named_by_the_start_of_its_interval():
    assert batch("2019-10-01T00:00:00Z") == "2019-10-01"
    assert batch("2019-10-01T06:00:00+00:00") == "2019-10-01T06:00:00"
