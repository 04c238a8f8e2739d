"""Loading one batch again: for files that came late, or that were corrected."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from infra.local.airflow_api import AirflowApi
from infra.local.answers import query
from infra.local.backfill import Follower, Outcome, Say, named
from infra.local.config import Config
from infra.local.errors import StackError
from infra.local.parsing import Pause, newest_change, patience, wait_for_dag

LATEST = 3
"""How many batches an error names."""


def reload(
    config: Config, dag_id: str, start: datetime, say: Say, pause: Pause = time.sleep
) -> Outcome:
    """Run a DAG for a batch that was loaded before, with the files that are there now.

    It triggers a run with the parameter `batch`, as a person would in the user interface, so that
    batches are found that are no interval of the schedule. A run of this batch that is going on is
    followed instead. Raises StackError when there is no such DAG, or no such batch in the ledger.
    """
    api = AirflowApi(config)
    wait_for_dag(api, dag_id, newest_change(config), *patience(config, dag_id), pause)
    _check(config, dag_id, start)
    api.patch(f"/dags/{dag_id}", {"is_paused": False})
    name = start.isoformat().removesuffix("T00:00:00+00:00").removesuffix("+00:00")
    if going_on := _going_on(api, dag_id, name):
        say(f"{dag_id}: a run of batch {name} is going on: following it.")
        say("Files that came after it began take another reload.")
    else:
        now = datetime.now(UTC)
        body: dict[str, object] = {
            "logical_date": now.isoformat(),
            "conf": {"batch": name},
            "note": f"make reload: batch {name} again, with the files that are there now",
        }
        api.post(f"/dags/{dag_id}/dagRuns", body)
        say(f"{dag_id}: batch {name} again")
        going_on = {now}
    return Follower(api, config, dag_id, say, pause).follow(going_on)


def _check(config: Config, dag_id: str, start: datetime) -> None:
    """Raise StackError unless the ledger knows the batch."""
    wanted = f"{start:%Y%m%dT%H%M%S}"
    known = [str(batch_id) for batch_id, *_ in query(config, "batches.sql", dag_id)[1]]
    if wanted in known:
        return
    there = f"Its latest: {', '.join(known[-LATEST:])}." if known else "It has none so far."
    day = f"{start:%Y-%m-%d}"
    message = (
        f"{dag_id} has no batch {wanted} that could be loaded again. {there}\n"
        f"For the first time: make backfill DAG={dag_id} FROM={day} TO={day}"
    )
    raise StackError(message)


def _going_on(api: AirflowApi, dag_id: str, name: str) -> set[datetime]:
    """Return the logical dates of the runs of a batch that are queued or running."""
    runs = api.every(f"/dags/{dag_id}/dagRuns", "dag_runs", state=["queued", "running"])
    return {datetime.fromisoformat(run["logical_date"]) for run in runs if named(run) == name}
