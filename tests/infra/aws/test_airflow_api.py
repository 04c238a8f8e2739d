"""MWAA's door to Airflow: runs that are started and followed, and logs."""

from __future__ import annotations

from typing import Any

import pytest

from infra.aws.airflow_api import Airflow
from infra.aws.errors import DeployError


class Refusal(Exception):
    """A botocore error as MWAA's client raises it."""

    def __init__(self) -> None:
        self.response = {"RestApiResponse": {"detail": "DAG not found"}, "Error": {}}


class FakeMwaa:
    """MWAA's InvokeRestApi, which moto lacks: answers from a table, and notes what was asked."""

    class exceptions:  # noqa: N801  (botocore's name)
        RestApiClientException = Refusal
        RestApiServerException = type("Server", (Exception,), {})

    def __init__(self, answers: dict[tuple[str, str], list[Any]]) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def invoke_rest_api(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answers = self.answers.get((request["Method"], request["Path"]))
        if not answers:
            raise Refusal
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return {"RestApiStatusCode": 200, "RestApiResponse": answer}


def test_a_triggered_run_is_followed_to_its_end() -> None:
    run = "/dags/taxi/dagRuns/r1"
    task = {"task_id": "load_trips", "state": "running"}
    client = FakeMwaa(
        {
            ("POST", "/dags/taxi/dagRuns"): [{"dag_run_id": "r1", "state": "queued"}],
            ("GET", run): [{"state": "running"}, {"state": "running"}, {"state": "success"}],
            ("GET", f"{run}/taskInstances"): [
                {"task_instances": [task]},
                {"task_instances": [task]},
                {"task_instances": [{**task, "state": "success"}]},
            ],
        }
    )
    told: list[str] = []
    airflow = Airflow(client, "starlift-dev", pause=0.001)
    assert airflow.trigger("taxi", "2021-09-01", told.append, wait=True) == "success"
    assert client.asked[0]["Body"] == {"logical_date": None, "conf": {"batch": "2021-09-01"}}
    assert client.asked[0]["Name"] == "starlift-dev"
    assert told == ["taxi: run r1 queued", "  load_trips: running", "  load_trips: success"]


def test_airflows_refusal_is_told_in_its_words() -> None:
    with pytest.raises(DeployError, match=r"refused POST /dags/no/dagRuns: .*DAG not found"):
        Airflow(FakeMwaa({}), "starlift-dev").trigger("no", None, print, wait=False)


def test_logs_are_of_the_newest_run_and_try() -> None:
    client = FakeMwaa(
        {
            ("GET", "/dags/taxi/dagRuns"): [{"dag_runs": [{"dag_run_id": "r2"}]}],
            ("GET", "/dags/taxi/dagRuns/r2/taskInstances/load"): [{"try_number": 2}],
            ("GET", "/dags/taxi/dagRuns/r2/taskInstances/wait"): [{"try_number": 0}],
            ("GET", "/dags/taxi/dagRuns/r2/taskInstances/load/logs/1"): [{"content": "first"}],
            ("GET", "/dags/taxi/dagRuns/r2/taskInstances/load/logs/2"): [
                {"content": [{"event": "one"}, {"event": "two"}]}
            ],
        }
    )
    airflow = Airflow(client, "starlift-dev")
    assert airflow.log("taxi", airflow.last_run("taxi"), "load") == "one\ntwo"
    assert airflow.log("taxi", "r2", "load", 1) == "first"
    with pytest.raises(DeployError, match="wait of taxi, run r2, has not begun"):
        airflow.log("taxi", "r2", "wait")
    client.answers[("GET", "/dags/taxi/dagRuns")] = [{"dag_runs": []}]
    with pytest.raises(DeployError, match="taxi never ran"):
        airflow.last_run("taxi")
