"""Running a DAG for a range of dates and following it to the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infra.local.airflow_api import AirflowApi, ApiError
from infra.local.config import Config
from infra.local.errors import StackError
from infra.local.parsing import Pause, newest_change, patience, wait_for_dag

POLL_SECONDS = 1.0
CONFLICT = 409
ERROR_LINES = 12

DONE = {"success", "failed"}
# Task states that are worth a line; what did not run is counted when its run ends.
SHOWN = {"success", "failed", "up_for_retry"}
NOT_RUN = {"skipped", "upstream_failed"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How the runs ended: their names (see `batch`) by state."""

    succeeded: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass
class Follower:
    """Follows runs and reports each change once."""

    api: AirflowApi
    config: Config
    dag_id: str
    say: Say
    pause: Pause = time.sleep
    began: float = field(default_factory=time.monotonic)
    _seen: dict[tuple[str, str, int], tuple[str, int]] = field(default_factory=dict)
    _ended: dict[str, tuple[str, str]] = field(default_factory=dict)

    def follow(self, logical_dates: set[datetime]) -> Outcome:
        """Return when the runs of all these logical dates have ended."""
        while True:
            runs = [
                run for run in self._runs(logical_dates) if run["dag_run_id"] not in self._ended
            ]
            for run in runs:
                self._look(run)
            if len(self._ended) >= len(logical_dates):
                break
            self.pause(POLL_SECONDS)
        named = {state: sorted(self._of_state(state)) for state in DONE}
        return Outcome(tuple(named["success"]), tuple(named["failed"]))

    def _of_state(self, state: str) -> list[str]:
        return [name for name, ended in self._ended.values() if ended == state]

    def _runs(self, logical_dates: set[datetime]) -> list[dict[str, Any]]:
        runs = self.api.every(
            f"/dags/{self.dag_id}/dagRuns",
            "dag_runs",
            logical_date_gte=min(logical_dates).isoformat(),
            logical_date_lte=max(logical_dates).isoformat(),
            order_by="logical_date",
        )
        return [run for run in runs if datetime.fromisoformat(run["logical_date"]) in logical_dates]

    def _look(self, run: dict[str, Any]) -> None:
        run_id = run["dag_run_id"]
        if run["state"] == "queued":
            return
        ended = run["state"] in DONE  # read before the tasks, so that no last change is missed
        path = f"/dags/{self.dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        tasks = list(self.api.every(path, "task_instances"))
        for task in sorted(tasks, key=lambda each: each["end_date"] or "~"):
            self._note(run, task)
        if ended:
            self._ended[run_id] = (named(run), run["state"])
            not_run = sum(task["state"] in NOT_RUN for task in tasks)
            more = f" ({not_run} of {len(tasks)} tasks not run)" if not_run else ""
            self._line(run, f"run {run['state']}{more}", run["duration"])

    def _note(self, run: dict[str, Any], task: dict[str, Any]) -> None:
        key = (run["dag_run_id"], task["task_id"], task["map_index"])
        now = (task["state"], task["try_number"])
        if task["state"] not in SHOWN or self._seen.get(key) == now:
            return
        self._seen[key] = now
        self._line(run, f"{task['task_id']} {task['state']}", task["duration"])
        if task["state"] in {"failed", "up_for_retry"}:
            self.say(self._explain(run["dag_run_id"], task))

    def _line(self, run: dict[str, Any], what: str, duration: float | None) -> None:
        passed = time.monotonic() - self.began
        took = "" if duration is None else f"  {duration:.1f} s"
        self.say(f"{passed:6.1f} s  {named(run)}  {what}{took}")

    def _explain(self, run_id: str, task: dict[str, Any]) -> str:
        """Return a failed task's error and where its log is."""
        lines = self._error(run_id, task)
        if task["state"] == "up_for_retry":  # in full when it has failed for good
            lines = [line for line in lines[-1:] if line]
        log = log_path(self.config, self.dag_id, run_id, task)
        body = "\n".join(f"          {line}" for line in lines)
        return f"{body}\n          log: {log}"

    def _error(self, run_id: str, task: dict[str, Any]) -> list[str]:
        path = (
            f"/dags/{self.dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/"
            f"{quote(task['task_id'], safe='')}/logs/{max(task['try_number'], 1)}"
        )
        try:
            content = self.api.get(path, map_index=task["map_index"], full_content=True)["content"]
        except StackError as error:
            return [f"(its log cannot be read: {error})"]
        return error_lines(content)


def error_lines(content: list[dict[str, Any] | str]) -> list[str]:
    """Pick the last error out of a task's log: exception texts, else error lines, else the end."""
    events = [each for each in content if isinstance(each, dict)]
    errors = [each for each in events if each.get("level") in {"error", "critical"}]
    for event in reversed(errors):
        details = event.get("error_detail") or []
        if details:
            causes = [f"{it['exc_type']}: {it['exc_value']}" for it in details]
            return "\n".join([str(event["event"]), *causes]).splitlines()[-ERROR_LINES:]
    chosen = errors or [each for each in events if not str(each["event"]).startswith("::")]
    texts = [str(each["event"]) for each in chosen] or [str(each) for each in content]
    return "\n".join(texts).splitlines()[-ERROR_LINES:]


def log_path(config: Config, dag_id: str, run_id: str, task: dict[str, Any]) -> Path:
    """Return a task's log file ([logging] log_filename_template of Airflow 3.3.1)."""
    folder = config.airflow_home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
    folder /= f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    return folder / f"attempt={task['try_number']}.log"


def named(run: dict[str, Any]) -> str:
    """Name a run by the batch that it was triggered for, else by the start of its interval."""
    given = (run.get("conf") or {}).get("batch")
    return batch(str(given or run["logical_date"]))


def batch(logical_date: str) -> str:
    """Name a run by the start of its interval: the run id holds the end, which misleads."""
    return logical_date.removesuffix("Z").removesuffix("+00:00").removesuffix("T00:00:00")


def backfill(
    config: Config,
    dag_id: str,
    first: date,
    last: date,
    say: Say,
    runs_at_once: int = 2,
    pause: Pause = time.sleep,
) -> Outcome:
    """Run a DAG for all its intervals that start between two days, both included.

    Runs that are there already are run again. A backfill of the same range that is still going on
    is followed and not started twice. Raises StackError when there is no such DAG or run.
    """
    if last < first:
        message = f"FROM={first} is after TO={last}: swap them."
        raise StackError(message)
    api = AirflowApi(config)
    wait_for_dag(api, dag_id, newest_change(config), *patience(config, dag_id), pause)
    api.patch(f"/dags/{dag_id}", {"is_paused": False})
    request: dict[str, object] = {
        "dag_id": dag_id,
        "from_date": _utc(first).isoformat(),
        "to_date": _utc(last).isoformat(),
        "reprocess_behavior": "completed",
        "max_active_runs": runs_at_once,
    }
    planned = {
        datetime.fromisoformat(each["logical_date"])
        for each in api.post("/backfills/dry_run", request)["backfills"]
    }
    going_on = _going_on(api, dag_id, first, last)  # Airflow plans no run that is not over
    dates = planned | going_on
    if not dates:
        message = f"{dag_id} has no runs from {first} to {last}: see its schedule and start date."
        raise StackError(message)
    say(f"{dag_id}: {len(dates)} run{'s' if len(dates) > 1 else ''}, {first} to {last}")
    if planned:
        _start(api, request, first, last, say)
    else:
        say("Going on already: following.")
    return Follower(api, config, dag_id, say, pause).follow(dates)


def _start(api: AirflowApi, request: dict[str, object], first: date, last: date, say: Say) -> None:
    """Create the backfill, unless Airflow has the same one."""
    try:
        api.post("/backfills", request)
    except ApiError as error:
        if error.status != CONFLICT:
            raise
        if not _join_running(api, str(request["dag_id"]), first, last, say):
            api.post("/backfills", request)


def _going_on(api: AirflowApi, dag_id: str, first: date, last: date) -> set[datetime]:
    """Return the logical dates of the runs in a range that are queued or running."""
    runs = api.every(
        f"/dags/{dag_id}/dagRuns",
        "dag_runs",
        logical_date_gte=_utc(first).isoformat(),
        logical_date_lte=_utc(last).isoformat(),
        state=["queued", "running"],
    )
    return {datetime.fromisoformat(run["logical_date"]) for run in runs}


def _join_running(api: AirflowApi, dag_id: str, first: date, last: date, say: Say) -> bool:
    """Deal with a backfill that Airflow still counts as running; tells whether to follow it.

    It is followed if it has the same range. One whose runs have all ended is closed: the scheduler
    does that itself only every half minute. Raises StackError for a running one of another range.
    """
    running = [
        each
        for each in api.every("/backfills", "backfills", dag_id=dag_id)
        if each["completed_at"] is None
    ]
    runs = f"/dags/{dag_id}/dagRuns"
    if not any(api.every(runs, "dag_runs", run_type="backfill", state=["queued", "running"])):
        for each in running:
            api.put(f"/backfills/{each['id']}/cancel")
        return False
    for each in running:
        if (_day(each["from_date"]), _day(each["to_date"])) == (first, last):
            say("This backfill is going on already: following it.")
            return True
    ranges = ", ".join(f"{_day(it['from_date'])} to {_day(it['to_date'])}" for it in running)
    message = (
        f"Another backfill of {dag_id} is going on ({ranges}). Wait for it, or cancel it in the "
        f"user interface: {api.url}/dags/{dag_id}/backfills"
    )
    raise StackError(message)


def _utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(stamp: str) -> date:
    return datetime.fromisoformat(stamp).astimezone(UTC).date()
