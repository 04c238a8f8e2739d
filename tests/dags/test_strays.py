"""What the janitor finds, against moto: what runs without its DAG run, and files of no batch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from airflow.sdk.exceptions import AirflowFailException
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends
from moto.glue.models import glue_backends
from moto.moto_api import state_manager

from elt_lib import janitor, strays
from elt_lib.emr import run_tags
from elt_lib.janitor import FindStraysOperator
from tests.dags.test_engines import ACCOUNT, REGION, account, settings

__all__ = ["account"]  # a fixture

LAKE = "lake"
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
NODES = {
    "InstanceCount": 1,
    "MasterInstanceType": "m6g.xlarge",
    "KeepJobFlowAliveWhenNoSteps": True,
}
TAGS = "deployment=starlift-dev"


def client(service):
    return boto3.client(service, region_name=REGION)


def is_running(dag_id, run_id):
    return (dag_id, run_id) == ("shop", "going")


def tags_of(run_id, here):
    return {**run_tags("shop", here), "run_id": run_id}


def cluster(here, run_id, name=None, **more):
    tags = {**tags_of(run_id, here), **more}
    return client("emr").run_job_flow(
        Name=name or f"starlift-dev-shop {run_id}",
        Instances=NODES,
        ServiceRole="a",
        JobFlowRole="b",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )["JobFlowId"]


def test_a_cluster_without_its_run_is_a_stray_and_no_other(account):
    here = settings("livy", STARLIFT_TAGS=TAGS)
    cluster(here, "going")
    lost = cluster(here, "over")
    cluster(here, "over", name="another-shop over")
    cluster(here, "over", deployment="starlift-prod")
    ended = cluster(here, "over")
    client("emr").terminate_job_flows(JobFlowIds=[ended])
    nameless = cluster(here, "")
    found = list(strays.stray_clusters(client("emr"), here, is_running))
    assert {stray.name: stray.why for stray in found} == {
        lost: "shop over is not running",
        nameless: "names no DAG run",
    }
    assert all(stray.costs for stray in found)


def application():
    made = client("emr-serverless").create_application(
        name="test", type="SPARK", releaseLabel="emr-7.0.0"
    )["applicationId"]
    client("emr-serverless").start_application(applicationId=made)
    return made


def serverless_run(here, run_id):
    return client("emr-serverless").start_job_run(
        applicationId=here.serverless_application,
        executionRoleArn=here.spark_role,
        clientToken=run_id,
        jobDriver={"sparkSubmit": {"entryPoint": "s3://a/b.py"}},
        tags=tags_of(run_id, here),
    )["jobRunId"]


def test_serverless_jobs_that_go_on_without_their_run(account, monkeypatch):
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "RUNNING")
    role = f"arn:aws:iam::{ACCOUNT}:role/spark"
    here = settings(
        "emr-serverless", STARLIFT_SERVERLESS_APPLICATION=application(), STARLIFT_SPARK_ROLE=role
    )
    serverless_run(here, "going")
    ended, lost = serverless_run(here, "over"), serverless_run(here, "over")
    for job in emrserverless_backends[ACCOUNT][REGION].job_runs[here.serverless_application]:
        if job.id == ended:
            job.state = "SUCCESS"
    found = strays.stray_serverless_runs(client("emr-serverless"), here, is_running)
    assert [stray.name for stray in found] == [lost]
    assert list(strays.stray_serverless_runs(None, settings("livy"), is_running)) == []


def test_glue_runs_that_go_on_without_their_run(account):
    state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 99})
    here = settings("glue", STARLIFT_GLUE_JOB="job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://a/b"}
    execution = {"MaxConcurrentRuns": 9}
    client("glue").create_job(Name="job", Role="r", Command=command, ExecutionProperty=execution)

    def started(run_id):
        named = {"--dag_id": "shop", "--run_id": run_id}
        return client("glue").start_job_run(JobName="job", Arguments=named)["JobRunId"]

    started("going")
    ended, lost = started("over"), started("over")
    for run in glue_backends[ACCOUNT][REGION].jobs["job"].job_runs:
        run.status = "SUCCEEDED" if run.job_run_id == ended else "RUNNING"
    found = strays.stray_glue_runs(client("glue"), here, is_running)
    assert [stray.name for stray in found] == [lost]
    state_manager.unset_transition("glue::job_run")
    assert list(strays.stray_glue_runs(None, settings("livy"), is_running)) == []


@pytest.fixture
def lake(account):
    s3 = client("s3")
    s3.create_bucket(Bucket=LAKE)
    for key in (
        "staged/shop/orders/b1/run/attempt-kept/manifest.json",
        "staged/shop/orders/b1/run/attempt-kept/rejected=false/a.parquet",
        "staged/shop/orders/b1/run/attempt-lost/rejected=false/a.parquet",
        "staged/shop/orders/b1/run/attempt-lost/rejected=false/b.parquet",
        "staged/shop/orders/b1/run/report.json",
        "raw/shop/orders/attempt-1/a.csv",
    ):
        s3.put_object(Bucket=LAKE, Key=key, Body=b"x" * 1024)
    s3.create_multipart_upload(Bucket=LAKE, Key="staged/half.parquet")
    return s3


LOADED = [f"s3://{LAKE}/staged/shop/orders/b1/run/attempt-kept/manifest.json"]


def test_attempts_and_uploads_of_a_certain_age_are_found(lake):
    later = datetime.now(UTC) + timedelta(hours=1)
    (attempt,) = strays.stray_attempts(lake, LAKE, LOADED, later)
    assert attempt.name == f"s3://{LAKE}/staged/shop/orders/b1/run/attempt-lost"
    assert attempt.amount == "0.000 GB"
    (upload,) = strays.stray_uploads(lake, LAKE, later)
    assert upload.name == f"s3://{LAKE}/staged/half.parquet"
    assert not (attempt.costs or upload.costs)
    earlier = later - timedelta(hours=2)
    assert list(strays.stray_attempts(lake, LAKE, LOADED, earlier)) == []
    assert list(strays.stray_uploads(lake, LAKE, upload.since)) == []  # moto knows one date only


def test_the_table_has_what_costs_first():
    made = [
        strays.Stray("upload", "s3://lake/x", NOW - timedelta(days=9), "never finished", False),
        strays.Stray(strays.CLUSTER, "j-1", NOW - timedelta(hours=30), "shop r is over", True),
    ]
    assert strays.render(made, NOW).splitlines() == [
        "what         name         age      size  why",
        "EMR cluster  j-1          1 d 6 h        shop r is over",
        "upload       s3://lake/x  9 d 0 h        never finished",
    ]


class TaskInstance:
    @staticmethod
    def get_dr_count(dag_id, run_ids, states):
        assert states == ["queued", "running"]
        return int(is_running(dag_id, *run_ids))


def look(monkeypatch, here, *, end):
    monkeypatch.setattr(janitor, "settings", lambda: here)
    monkeypatch.setattr(janitor, "in_session", lambda *_: LOADED)
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps({"conn_type": "redshift"}))
    params = {"older_than_days": 1, "end_strays": end}
    return FindStraysOperator(task_id="t").execute({"params": params, "ti": TaskInstance()})


def test_the_janitor_fails_for_what_costs_and_ends_it_when_told(lake, monkeypatch):
    here = settings("livy", STARLIFT_TAGS=TAGS)
    assert look(monkeypatch, here, end=False) == 1  # the upload; the attempts are too young
    lost, going = cluster(here, "over"), cluster(here, "going")
    with pytest.raises(AirflowFailException, match=f"EMR cluster {lost}.*end_strays"):
        look(monkeypatch, here, end=False)
    assert look(monkeypatch, here, end=True) == 2
    known = emr_backends[ACCOUNT][REGION].clusters
    assert (known[lost].state, known[going].state) == ("TERMINATED", "WAITING")
    assert look(monkeypatch, here, end=False) == 1
