"""MWAA's own door to Airflow's REST API: start a run, follow it, turn schedules on and off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from infra.aws.advice import OF_AWS, passes
from infra.aws.change_sets import Say
from infra.aws.errors import DeployError

T = TypeVar("T")

RUNNING = frozenset({"queued", "running"})
CONFLICT = 409
SERVER_ERROR = 500
PATH_LENGTH = 64
"""Characters of a path that InvokeRestApi takes at most, which is why run ids and task ids travel
in queries and bodies (docs.aws.amazon.com/mwaa/latest/API/API_InvokeRestApi.html)."""
PAGE = 100
"""Items that Airflow gives in one answer at most ([api] maximum_page_limit)."""
LOOKS = 6
"""How often a look at a run is repeated that got no answer; the run itself goes on."""


class Refused(DeployError):
    """Airflow's own refusal of a request; ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Airflow:
    """Airflow of one MWAA environment; ``pause`` is the time between two looks, in seconds.

    Requests are signed with the caller's AWS identity; MWAA takes them to the web server, also to
    a private one (MWAA user guide, "Using the Apache Airflow REST API").
    """

    def __init__(self, client: Any, environment: str, pause: float = 5.0) -> None:
        self.client = client
        self.environment = environment
        self.pause = pause

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        """Make one request; raises Refused with Airflow's own words when it refuses.

        Raises DeployError for a path that MWAA would not take.
        """
        if len(path) > PATH_LENGTH:
            raise DeployError(
                f"MWAA takes paths of {PATH_LENGTH} characters, and {path} has {len(path)}: use "
                "Airflow's UI."
            )
        arguments: dict[str, Any] = {"Name": self.environment, "Method": method, "Path": path}
        if body is not None:
            arguments["Body"] = dict(body)
        if query is not None:
            arguments["QueryParameters"] = dict(query)
        try:
            return self.client.invoke_rest_api(**arguments).get("RestApiResponse")
        except (
            self.client.exceptions.RestApiClientException,
            self.client.exceptions.RestApiServerException,
        ) as error:
            answer = error.response
            said = answer.get("RestApiResponse") or answer["Error"].get("Message")
            status = int(answer.get("RestApiStatusCode") or 0)
            raise Refused(f"Airflow refused {method} {path}: {_detail(said)}", status) from None

    def set_paused(self, dag: str, *, paused: bool) -> None:
        """Turn a DAG's schedule off or on; a DAG that MWAA sees for the first time is off."""
        self.call("PATCH", f"/dags/{dag}", {"is_paused": paused})

    def start(self, dag: str, batch: str | None, run_id: str) -> None:
        """Start a run of this id, optionally of the batch that starts at ``batch``.

        A request that got no answer may have started it, and is repeated by botocore: the id is
        what keeps it one run. Raises DeployError when the DAG is paused, so that nothing would run.
        """
        if self.call("GET", f"/dags/{dag}")["is_paused"]:
            raise DeployError(
                f"{dag} is paused: its run would wait. `python -m infra.aws unpause {dag}` turns "
                "it on, its schedule included."
            )
        body = {
            "dag_run_id": run_id,
            "logical_date": datetime.now(UTC).isoformat(),
            "conf": {} if batch is None else {"batch": batch},
        }
        try:
            self.call("POST", f"/dags/{dag}/dagRuns", body)
        except Refused as refused:
            if refused.status != CONFLICT:
                raise

    def follow(self, dag: str, run_id: str, say: Say) -> str:
        """Tell the tasks' states as they change until the run ends; returns the run's state."""
        told: dict[tuple[str, int], str] = {}
        while True:
            state = self._patiently(lambda: self.state(dag, run_id))
            for task in self._patiently(lambda: list(self.tasks(dag, run_id))):
                key, now = (task["task_id"], task["map_index"]), task["state"]
                if now and told.get(key) != now:
                    told[key] = now
                    say(f"  {task['task_id']}: {now}")
            if state not in RUNNING:
                return state
            time.sleep(self.pause)

    def state(self, dag: str, run_id: str) -> str:
        """The state of a run; raises DeployError when there is none of this id."""
        found = self.call(
            "GET", f"/dags/{dag}/dagRuns", query={"run_id_pattern": run_id, "limit": PAGE}
        )
        for run in found["dag_runs"]:  # the pattern is SQL's, in which _ stands for any character
            if run["dag_run_id"] == run_id:
                return str(run["state"])
        raise DeployError(f"{dag} has no run {run_id}.")

    def tasks(self, dag: str, run_id: str, task: str | None = None) -> Iterator[Mapping[str, Any]]:
        """The task instances of a run, or those of one of its tasks."""
        body: dict[str, Any] = {"dag_ids": [dag], "dag_run_ids": [run_id], "page_limit": PAGE}
        if task is not None:
            body["task_ids"] = [task]
        offset = 0
        while True:
            found = self.call(
                "POST",
                "/dags/~/dagRuns/~/taskInstances/list",
                {**body, "page_offset": offset},
            )
            yield from found["task_instances"]
            offset += PAGE
            if offset >= found["total_entries"]:
                return

    def last_run(self, dag: str) -> str:
        """Id of a DAG's newest run; raises DeployError when it never ran."""
        found = self.call(
            "GET", f"/dags/{dag}/dagRuns", query={"limit": 1, "order_by": "-run_after"}
        )
        if not found["dag_runs"]:
            raise DeployError(f"{dag} never ran. Start it with: python -m infra.aws trigger {dag}")
        return str(found["dag_runs"][0]["dag_run_id"])

    def import_errors(self) -> list[str]:
        """Why DAG files can't be read: each file's name, and the last line of its error."""
        found = self.call("GET", "/importErrors", query={"limit": PAGE})
        return [
            f"{each['filename']}: {(each['stack_trace'].strip().splitlines() or [''])[-1]}"
            for each in found["import_errors"]
        ]

    def _patiently(self, look: Callable[[], T]) -> T:
        """Look again when there was no answer: a web server that is busy is no failed run."""
        for left in reversed(range(LOOKS)):
            try:
                return look()
            except Refused as refused:
                if not left or refused.status < SERVER_ERROR:
                    raise
            except OF_AWS as error:
                if not left or not passes(error):
                    raise
            time.sleep(self.pause)
        raise AssertionError("the last look returns or raises")


def new_run_id() -> str:
    """An id as Airflow gives it to a run that a person starts; unique by its microseconds."""
    return f"manual__{datetime.now(UTC).isoformat()}"


def _detail(said: Any) -> Any:
    return said.get("detail", said) if isinstance(said, Mapping) else said
