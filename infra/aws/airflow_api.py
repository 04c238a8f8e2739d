"""MWAA's own door to Airflow's REST API: trigger a DAG, follow its run, read a task's log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from infra.aws.change_sets import Say
from infra.aws.errors import DeployError

RUNNING = frozenset({"queued", "running"})


class Airflow:
    """Airflow of one MWAA environment.

    Requests are signed with the caller's AWS identity; MWAA takes them to the web server, also to
    a private one (MWAA user guide, "Using the Apache Airflow REST API").
    """

    def __init__(self, client: Any, environment: str, pause: float = 10.0) -> None:
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
        """Make one request; raises DeployError with Airflow's own words when it refuses."""
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
            said = error.response.get("RestApiResponse") or error.response["Error"].get("Message")
            raise DeployError(f"Airflow refused {method} {path}: {said}") from None

    def trigger(self, dag: str, batch: str | None, say: Say, *, wait: bool) -> str:
        """Start a run, optionally of the batch that starts at ``batch``; returns its state.

        With ``wait`` the tasks' states are told as they change, until the run ends.
        """
        run = self.call(
            "POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": _conf(batch)}
        )
        run_id, state = run["dag_run_id"], run["state"]
        say(f"{dag}: run {run_id} {state}")
        told: dict[str, str | None] = {}
        while wait and state in RUNNING:
            time.sleep(self.pause)
            state = self.call("GET", f"/dags/{dag}/dagRuns/{run_id}")["state"]
            found = self.call(
                "GET", f"/dags/{dag}/dagRuns/{run_id}/taskInstances", query={"limit": 1000}
            )
            for task in found["task_instances"]:
                if task["state"] and told.get(task["task_id"]) != task["state"]:
                    told[task["task_id"]] = task["state"]
                    say(f"  {task['task_id']}: {task['state']}")
        return str(state)

    def log(self, dag: str, run: str, task: str, attempt: int | None = None) -> str:
        """The log of one try of a task, as text; by default of the newest.

        Raises DeployError when the task has not begun.
        """
        path = f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}"
        if attempt is None:
            attempt = int(self.call("GET", path)["try_number"])
        if attempt < 1:
            raise DeployError(f"{task} of {dag}, run {run}, has not begun.")
        answer = self.call("GET", f"{path}/logs/{attempt}", query={"full_content": True})
        content = answer.get("content", []) if isinstance(answer, Mapping) else answer
        if isinstance(content, str):
            return content
        return "\n".join(
            str(each.get("event", each)) if isinstance(each, Mapping) else str(each)
            for each in content
        )

    def last_run(self, dag: str) -> str:
        """Id of a DAG's newest run; raises DeployError when it never ran."""
        found = self.call(
            "GET", f"/dags/{dag}/dagRuns", query={"limit": 1, "order_by": "-run_after"}
        )
        if not found["dag_runs"]:
            raise DeployError(f"{dag} never ran. Start it with: python -m infra.aws trigger {dag}")
        return str(found["dag_runs"][0]["dag_run_id"])


def _conf(batch: str | None) -> dict[str, str]:
    return {} if batch is None else {"batch": batch}
