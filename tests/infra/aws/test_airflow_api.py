"""MWAA's door to Airflow where a real Airflow can't be made to go wrong: see also
tests/integration/test_mwaa.py, which has one behind that door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from infra.aws.airflow_api import LOOKS, Airflow
from infra.aws.errors import DeployError

RUN = "manual__2026-01-01T00:00:00+00:00"
STATE = ("GET", "/dags/taxi/dagRuns")
START = ("POST", "/dags/taxi/dagRuns")
DAG = ("GET", "/dags/taxi")
TASKS = ("POST", "/dags/~/dagRuns/~/taskInstances/list")


class Refusal(Exception):
    """A botocore error as MWAA's client raises it."""

    def __init__(self, status: int, detail: str) -> None:
        self.response = {"RestApiResponse": {"detail": detail}, "RestApiStatusCode": status}


Answer = dict[str, Any] | Exception | Callable[[dict[str, Any]], dict[str, Any]]


class Scripted:
    """MWAA's InvokeRestApi: a request's answers one by one, the last again and again."""

    class exceptions:  # noqa: N801  (botocore's name)
        RestApiClientException = Refusal
        RestApiServerException = type("Server", (Refusal,), {})

    def __init__(self, answers: dict[tuple[str, str], list[Answer]]) -> None:
        self.answers = {DAG: [{"is_paused": False}], **answers}
        self.asked: list[tuple[str, str]] = []

    def invoke_rest_api(self, **request: Any) -> dict[str, Any]:
        asked = (request["Method"], request["Path"])
        self.asked.append(asked)
        answers = self.answers[asked]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"RestApiResponse": answer(request) if callable(answer) else answer}


def airflow(**answers: Any) -> Airflow:
    named = {"state": STATE, "start": START, "dag": DAG, "tasks": TASKS}
    client = Scripted({named[name]: list(given) for name, given in answers.items()})
    return Airflow(client, "starlift-dev", pause=0.001)


def runs(state: str) -> dict[str, Any]:
    return {"dag_runs": [{"dag_run_id": RUN, "state": state}]}


NO_TASKS = {"task_instances": [], "total_entries": 0}


def test_a_start_that_was_sent_twice_is_one_run() -> None:
    """botocore sends it again when no answer came; the run's id then is taken."""
    there = airflow(start=[Refusal(409, "the run exists")])
    there.start("taxi", None, RUN)
    assert there.client.asked == [DAG, START]
    with pytest.raises(DeployError, match="refused POST /dags/taxi/dagRuns: no such parameter"):
        airflow(start=[Refusal(400, "no such parameter")]).start("taxi", None, RUN)


@pytest.mark.parametrize(
    "passing",
    [
        Refusal(502, "Bad Gateway"),
        ReadTimeoutError(endpoint_url="https://x"),
        ClientError({"Error": {"Code": "ThrottlingException"}}, "InvokeRestApi"),
    ],
)
def test_a_look_without_an_answer_is_no_failed_run(passing: Exception) -> None:
    busy = [passing] * (LOOKS - 1)
    there = airflow(state=[*busy, runs("running"), runs("success")], tasks=[*busy, NO_TASKS])
    assert there.follow("taxi", RUN, print) == "success"
    with pytest.raises(type(passing) if not isinstance(passing, Refusal) else DeployError):
        airflow(state=[passing], tasks=[NO_TASKS]).follow("taxi", RUN, print)


@pytest.mark.parametrize(
    "lasting",
    [
        Refusal(403, "Forbidden"),
        ClientError({"Error": {"Code": "ExpiredToken"}}, "InvokeRestApi"),
    ],
)
def test_a_look_that_is_refused_is_not_repeated(lasting: Exception) -> None:
    there = airflow(state=[lasting])
    with pytest.raises((DeployError, ClientError)):
        there.follow("taxi", RUN, print)
    assert there.client.asked == [STATE]


def test_a_run_of_many_tasks_is_read_page_by_page() -> None:
    def page(request: dict[str, Any]) -> dict[str, Any]:
        offset = request["Body"]["page_offset"]
        return {"task_instances": [{"task_id": f"t{offset}"}], "total_entries": 201}

    assert [each["task_id"] for each in airflow(tasks=[page]).tasks("taxi", RUN)] == [
        *("t0", "t100", "t200")
    ]


def test_an_id_that_only_looks_like_the_runs_is_another_run() -> None:
    like = {"dag_run_id": RUN.replace("_", "-"), "state": "failed"}
    with pytest.raises(DeployError, match=f"taxi has no run {RUN.replace('+', '.')}"):
        airflow(state=[{"dag_runs": [like]}]).state("taxi", RUN)


def test_a_path_that_mwaa_would_not_take_is_not_sent() -> None:
    there = airflow()
    with pytest.raises(DeployError, match="MWAA takes paths of 64 characters"):
        there.last_run("d" * 60)
    assert there.client.asked == []
