"""`trigger`, `logs`, `pause` and `unpause` as people type them, through MWAA's endpoint to a real
Airflow, and to CloudWatch."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import boto3
import pytest

from infra.aws.task_logs import group
from infra.local.airflow_api import AirflowApi
from infra.local.environment import environment, service_environment
from tests.integration.mwaa_endpoint import Endpoint, served
from tests.integration.waiting import eventually

pytestmark = pytest.mark.integration

NAME = "starlift-dev"
"""What infra/aws/example.toml calls its deployment."""
RUN = re.compile(r": run (manual__\S+)")


@pytest.fixture(scope="module")
def endpoint(lab) -> Iterator[Endpoint]:
    api = AirflowApi(lab.config)
    eventually(
        lambda: {"bikeshare", "janitor"} <= {dag["dag_id"] for dag in api.every("/dags", "dags")},
        "Airflow has read the DAGs",
    )
    with served(NAME, lab.config.airflow_url) as running:
        yield running


@pytest.fixture
def airflow(lab) -> AirflowApi:
    return AirflowApi(lab.config)


@pytest.fixture
def start(lab, endpoint):
    """Starts the command line against the endpoint, and moto for everything else."""
    environ = os.environ | {
        **{key: value for key, value in environment(lab.config).items() if key.startswith("AWS_")},
        "AWS_ENDPOINT_URL_MWAA": endpoint.url,
        # env.127.0.0.1 is no address.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }

    def run(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.aws", "--file", "infra/aws/example.toml", *arguments],
            cwd=lab.config.project,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return run


@pytest.fixture
def command(start):
    """Runs the command line; returns its exit status and what it said."""

    def run(*arguments: str) -> tuple[int, str]:
        process = start(*arguments)
        said, _ = process.communicate()
        return process.returncode, said

    return run


def of_aws(lab, service: str):
    values = environment(lab.config)
    return boto3.client(
        service,
        endpoint_url=values["AWS_ENDPOINT_URL"],
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        region_name=values["AWS_REGION"],
    )


@pytest.fixture
def stray(lab) -> Iterator[str]:
    """A cluster that no DAG run knows: the janitor's run fails until it is gone."""
    emr = of_aws(lab, "emr")
    instances = {"MasterInstanceType": "m6g.xlarge", "InstanceCount": 1}
    cluster = emr.run_job_flow(
        Name="starlift-lost",
        Instances={**instances, "KeepJobFlowAliveWhenNoSteps": True},
        ServiceRole="a",
        JobFlowRole="b",
        Tags=[{"Key": "project", "Value": "starlift"}],
    )["JobFlowId"]
    yield cluster
    emr.terminate_job_flows(JobFlowIds=[cluster])


def ship(lab, run_id: str) -> None:
    """Put a run's logs into CloudWatch, as MWAA does while tasks run."""
    folder = lab.config.airflow_home / "logs"
    files = [str(path) for path in sorted(folder.glob(f"dag_id=*/run_id={run_id}/**/*.log"))]
    assert files
    subprocess.run(
        [sys.executable, "-m", "tests.integration.ship_logs", group(NAME), *files],
        cwd=lab.config.project,
        env=service_environment(lab.config),
        check=True,
    )


def test_a_run_is_started_once_followed_and_its_end_told(command, airflow):
    status, said = command("trigger", "janitor")
    assert status == 0, said
    (run_id,) = RUN.findall(said)
    assert said.splitlines()[-2:] == ["  find_strays: success", "janitor: success"]
    runs = airflow.get("/dags/janitor/dagRuns", run_id_pattern=run_id)["dag_runs"]
    assert [(each["dag_run_id"], each["state"]) for each in runs] == [(run_id, "success")]


def test_a_failed_run_names_the_log_that_says_why(lab, command, airflow, stray):
    status, said = command("trigger", "janitor")
    assert status == 1, said
    (run_id,) = RUN.findall(said)
    assert "janitor: failed" in said
    wanted = ["logs", "janitor", "find_strays", "--run", run_id]
    assert said.endswith(f"find_strays failed: python -m infra.aws {' '.join(wanted)}\n")
    status, said = command(*wanted)
    assert (status, "CloudWatch has no dag_id=janitor/" in said) == (1, True), said
    ship(lab, run_id)
    status, first = command(*wanted)
    assert status == 0, first
    assert f"AirflowFailException: running without a DAG run: EMR cluster {stray}" in first
    assert re.search(r'File "\S+/elt_lib/janitor.py", line \d+, in execute', first)
    # Once the cluster is gone a second try succeeds, and its log is the newest.
    of_aws(lab, "emr").terminate_job_flows(JobFlowIds=[stray])
    clear = {"dag_run_id": run_id, "dry_run": False, "only_failed": True}
    airflow.post("/dags/janitor/clearTaskInstances", clear)
    status, said = command("trigger", "janitor", "--run", run_id)
    assert status == 0, said
    ship(lab, run_id)
    status, newest = command("logs", "janitor", "find_strays")
    assert status == 0, newest
    assert "0 strays" in newest
    assert stray not in newest
    assert stray in command(*wanted, "--attempt", "1")[1]


@pytest.fixture
def busy(airflow) -> Iterator[None]:
    """No task starts: a run goes on until somebody ends it."""
    pool = "/pools/default_pool"
    slots = airflow.get(pool)["slots"]
    airflow.patch(f"{pool}?update_mask=slots", {"pool": "default_pool", "slots": 0})
    yield
    airflow.patch(f"{pool}?update_mask=slots", {"pool": "default_pool", "slots": slots})


@pytest.mark.usefixtures("busy")
def test_ctrl_c_leaves_the_run_going_and_says_how_to_follow_it(start, airflow):
    process = start("trigger", "bikeshare", "--batch", "2035-01-01")
    said = ""
    while "wait_for_trips: " not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate()
    (run_id,) = RUN.findall(said)
    assert process.returncode == 130
    assert (
        f"goes on. Follow it again with: python -m infra.aws trigger bikeshare --run {run_id}"
        in rest
    )
    path = f"/dags/bikeshare/dagRuns/{run_id}"
    run = airflow.get(path)
    assert (run["state"], run["conf"]) == ("running", {"batch": "2035-01-01"})
    following = start("trigger", "bikeshare", "--run", run_id)
    eventually(lambda: "wait_for_trips: " in following.stdout.readline(), "it is followed")
    airflow.patch(path, {"state": "success"})
    said, _ = following.communicate()
    assert following.returncode == 0, said
    assert said.endswith("bikeshare: success\n")


def test_a_paused_dag_is_not_started_until_it_is_turned_on(command, airflow):
    before = airflow.get("/dags/janitor/dagRuns")["total_entries"]
    assert command("pause", "janitor") == (0, "janitor: off\n")
    try:
        status, said = command("trigger", "janitor", "--no-wait")
        assert (status, "janitor is paused: its run would wait" in said) == (1, True), said
        assert airflow.get("/dags/janitor/dagRuns")["total_entries"] == before
    finally:
        assert command("unpause", "janitor", "bikeshare") == (0, "janitor: on\nbikeshare: on\n")
    assert airflow.get("/dags/janitor")["is_paused"] is False


def test_what_is_not_there_is_told_in_airflows_words(command):
    status, said = command("trigger", "nonsense")
    assert status == 1
    assert said.splitlines()[-1].startswith("starlift: Airflow refused GET /dags/nonsense: ")
    assert "not found" in said
    assert command("trigger", "janitor", "--no-wait")[0] == 0
    status, said = command("logs", "janitor", "nonsense")
    assert (status, "janitor has no task nonsense in run manual__" in said) == (1, True), said
