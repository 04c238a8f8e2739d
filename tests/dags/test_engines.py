"""The engines of the Spark job: one set of arguments, and retries that follow a lost job."""

from __future__ import annotations

import json
from dataclasses import replace

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException
from moto import mock_aws
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends

from elt_lib import resumable
from elt_lib.engines import Engine, preprocess
from elt_lib.operators import ClusterLivyOperator
from elt_lib.resumable import (
    ResumableGlueOperator,
    ResumableServerlessOperator,
    ResumableStepOperator,
)
from elt_lib.settings import Settings, SettingsError
from tests.dags.lake import FEED
from tests.dags.trying import Store, TaskInstance

ACCOUNT, REGION = "123456789012", "us-east-1"
ARGUMENTS = {"--feed": "e30", "--batch-id": "20240101T000000"}
ENVIRON = {
    "STARLIFT_PROJECT": "/p",
    "STARLIFT_MANIFEST": "/m",
    "STARLIFT_LAKE_BUCKET": "lake",
    "STARLIFT_ARTIFACTS_BUCKET": "artifacts",
    "STARLIFT_LIVY_URL": "http://{master}:8998",
    "STARLIFT_COPY_ROLE": "arn:copy",
    "STARLIFT_DBT_TARGET": "prod",
    "STARLIFT_POLL_SECONDS": "1",
}


class Killed(BaseException):
    """The task's process ended here."""


@pytest.fixture
def account(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws"}),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def settings(engine, **more):
    return Settings.load({**ENVIRON, "STARLIFT_ENGINE": engine, **more})


def task(engine, cluster="", **more):
    made = preprocess(FEED, ARGUMENTS, cluster, settings(engine, **more))
    made.pause = 0
    return made


def kill_while_polling(monkeypatch):
    """End the process at the first pause between two looks, as SIGKILL would."""

    def die(_):
        raise Killed

    monkeypatch.setattr(resumable.time, "sleep", die)


def run(made, store):
    return made.execute({"ti": TaskInstance(), "task_state_store": store})


def test_every_engine_gets_the_same_job_and_arguments():
    serverless = {"STARLIFT_SERVERLESS_APPLICATION": "app", "STARLIFT_SPARK_ROLE": "arn:role"}
    script, package = (
        "s3://artifacts/spark_jobs/preprocess.py",
        "s3://artifacts/spark_jobs/spark_jobs.zip",
    )
    flat = ["--feed", "e30", "--batch-id", "20240101T000000"]
    livy = task("livy", "j-1")
    assert isinstance(livy, ClusterLivyOperator)
    assert livy.spark_params["file"] == script
    assert (livy.spark_params["args"], livy.spark_params["py_files"]) == (flat, [package])
    (step,) = task("emr-steps", "j-1").steps
    assert step["HadoopJarStep"]["Args"] == [
        "spark-submit", "--deploy-mode", "cluster", "--py-files", package, script, *flat,
    ]  # fmt: skip
    submit = task("emr-serverless", **serverless).job_driver["sparkSubmit"]
    assert (submit["entryPoint"], submit["entryPointArguments"]) == (script, flat)
    assert submit["sparkSubmitParameters"] == f"--py-files {package}"
    glue = task("glue", STARLIFT_GLUE_JOB="job")
    assert isinstance(glue, ResumableGlueOperator)
    own = {"--scriptLocation": script, "--extra-py-files": package}
    run = {"--dag_id": "shop", "--run_id": "{{ run_tag() }}"}
    assert glue.script_args == {**ARGUMENTS, **own, **run}
    assert glue.durable is True
    assert {made.task_id for made in (livy, glue)} == {f"preprocess_{FEED.name}"}


def test_only_two_engines_make_a_cluster():
    assert {engine for engine in Engine if engine.needs_cluster} == {"livy", "emr-steps"}


def test_an_engine_says_what_it_needs():
    with pytest.raises(SettingsError, match="emr-serverless needs STARLIFT_SERVERLESS_APPLICATION"):
        settings("emr-serverless", STARLIFT_SPARK_ROLE="arn:role")
    with pytest.raises(SettingsError, match="glue needs STARLIFT_GLUE_JOB"):
        settings("glue")
    with pytest.raises(SettingsError, match=r"STARLIFT_ENGINE=yarn: write one of livy, emr-steps"):
        settings("yarn")


@pytest.fixture
def cluster(account):
    emr = boto3.client("emr", region_name=REGION)
    instances = {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
    instances |= {"MasterInstanceType": "m6g.xlarge"}
    return emr.run_job_flow(Name="test", Instances=instances, ServiceRole="a", JobFlowRole="b")[
        "JobFlowId"
    ]


def steps_of(cluster):
    return emr_backends[ACCOUNT][REGION].clusters[cluster].steps


def test_a_step_that_was_lost_is_followed_and_not_added_again(cluster, monkeypatch):
    store = Store()
    with monkeypatch.context() as patch:
        kill_while_polling(patch)
        with pytest.raises(Killed):
            run(task("emr-steps", cluster), store)
    (step,) = steps_of(cluster)
    step.state = "COMPLETED"
    assert run(task("emr-steps", cluster), store) == step.id
    assert len(steps_of(cluster)) == 1
    assert store == {}


def test_a_failed_step_is_told_and_added_again(cluster, monkeypatch):
    store = Store()

    def fail(_):
        steps_of(cluster)[-1].state = "FAILED"

    with monkeypatch.context() as patch:
        patch.setattr(resumable.time, "sleep", fail)
        with pytest.raises(AirflowException, match=r"s-\w+ ended as FAILED"):
            run(task("emr-steps", cluster), store)
        patch.setattr(
            resumable.time, "sleep", lambda _: setattr(steps_of(cluster)[-1], "state", "COMPLETED")
        )
        run(task("emr-steps", cluster), store)
    assert [step.state for step in steps_of(cluster)] == ["FAILED", "COMPLETED"]


def test_a_step_of_another_cluster_is_not_followed(cluster):
    store = Store({"emr_step_on_j-OTHER": "s-1"})
    made = task("emr-steps", cluster)
    assert isinstance(made, ResumableStepOperator)
    emr_backends[ACCOUNT][REGION].clusters[cluster].add_steps = added(cluster)
    run(made, store)
    assert len(steps_of(cluster)) == 1


def added(cluster):
    """Steps that end at once."""
    original = emr_backends[ACCOUNT][REGION].clusters[cluster].add_steps

    def add(steps):
        made = original(steps)
        for step in made:
            step.state = "COMPLETED"
        return made

    return add


@pytest.fixture
def application(account, monkeypatch):
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "RUNNING")  # else ended at once
    client = boto3.client("emr-serverless", region_name=REGION)
    made = client.create_application(name="test", type="SPARK", releaseLabel="emr-7.0.0")
    client.start_application(applicationId=made["applicationId"])
    return made["applicationId"]


def runs_of(application):
    return emrserverless_backends[ACCOUNT][REGION].job_runs[application]


def serverless(application):
    made = task(
        "emr-serverless",
        STARLIFT_SERVERLESS_APPLICATION=application,
        STARLIFT_SPARK_ROLE=f"arn:aws:iam::{ACCOUNT}:role/spark",
    )
    assert isinstance(made, ResumableServerlessOperator)
    return made


def test_a_serverless_job_that_was_lost_is_followed_and_not_started_again(application, monkeypatch):
    store = Store()
    with monkeypatch.context() as patch:
        kill_while_polling(patch)
        with pytest.raises(Killed):
            run(serverless(application), store)
    (job,) = runs_of(application)
    job.state = "SUCCESS"
    assert run(serverless(application), store) == job.id
    assert len(runs_of(application)) == 1
    assert store == {}


def test_a_failed_serverless_job_is_told(application, monkeypatch):
    def fail(_):
        runs_of(application)[-1].state = "FAILED"

    monkeypatch.setattr(resumable.time, "sleep", fail)
    with pytest.raises(AirflowException, match="ended as FAILED"):
        run(serverless(application), Store())


def test_settings_of_the_laptop_choose_livy():
    assert Settings.load(ENVIRON).engine == "livy"
    assert replace(Settings.load(ENVIRON), engine="glue").engine == "glue"
