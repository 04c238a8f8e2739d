"""SIGKILL between the call that submits a job and the noting of its number: the retry finds it."""

from __future__ import annotations

import json

import boto3
import pytest
import requests
from moto.emr.models import emr_backends
from moto.emrserverless.models import emrserverless_backends
from moto.glue.models import glue_backends
from moto.moto_api import state_manager
from moto.server import ThreadedMotoServer

from elt_lib.emr import ALIVE, IDLE_SECONDS, RunClusterOperator, job_flow
from elt_lib.engines import preprocess
from elt_lib.operators import ClusterLivyOperator
from elt_lib.settings import Settings
from tests.dags.killing import eventually
from tests.dags.lake import FEED
from tests.dags.submitting import TaskInstance, Try
from tests.dags.test_engines import ACCOUNT, ENVIRON, REGION

pytestmark = pytest.mark.slow

ROLES = {"ServiceRole": "service", "JobFlowRole": "instance"}
NODES = {
    "InstanceCount": 1,
    "MasterInstanceType": "m6g.xlarge",
    "KeepJobFlowAliveWhenNoSteps": True,
}


@pytest.fixture(scope="module")
def server():
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield f"http://127.0.0.1:{running.get_host_and_port()[1]}"
    running.stop()


@pytest.fixture
def environ(server, monkeypatch, tmp_path):
    requests.post(f"{server}/moto-api/reset", timeout=10).raise_for_status()
    values = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws"}),
        "AIRFLOW_CONN_EMR_DEFAULT": json.dumps(
            {"conn_type": "emr", "extra": {**ROLES, "Instances": NODES}}
        ),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def operator(feed, arguments, cluster, settings):
    return preprocess(feed, arguments, cluster, Settings.load(settings))


def of_engine(engine, **more):
    return {**ENVIRON, "STARLIFT_ENGINE": engine, **more}


class Jobs:
    """The jobs of one engine, as its service knows them."""

    def __init__(self, engine):
        client = boto3.client
        self.cluster = ""
        self.more = {}
        if engine == "emr-steps":
            self.cluster = client("emr").run_job_flow(Name="c", Instances=NODES, **ROLES)[
                "JobFlowId"
            ]
            self.key = f"emr_step_on_{self.cluster}"
            self.list = lambda: emr_backends[ACCOUNT][REGION].clusters[self.cluster].steps
            self.done = "COMPLETED"
        elif engine == "emr-serverless":
            made = client("emr-serverless").create_application(
                name="test", type="SPARK", releaseLabel="emr-7.0.0"
            )
            application = made["applicationId"]
            client("emr-serverless").start_application(applicationId=application)
            self.more = {
                "STARLIFT_SERVERLESS_APPLICATION": application,
                "STARLIFT_SPARK_ROLE": f"arn:aws:iam::{ACCOUNT}:role/spark",
            }
            self.key = "emr_serverless_job_run"
            runs = emrserverless_backends[ACCOUNT][REGION].job_runs
            self.list = lambda: runs.get(application, [])
            self.done = "SUCCESS"
        else:
            client("glue").create_job(
                Name="job", Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://a/b"}
            )
            self.more = {"STARLIFT_GLUE_JOB": "job"}
            self.key = "glue_job_run_id"
            self.list = glue_backends[ACCOUNT][REGION].jobs["job"].get_job_runs
            self.done = "SUCCEEDED"

    def finish(self):
        for job in self.list():
            setattr(job, "status" if hasattr(job, "job_run_id") else "state", self.done)

    def ids(self):
        return [getattr(job, "job_run_id", None) or job.id for job in self.list()]


@pytest.fixture
def unhurried(monkeypatch):
    """Jobs in moto run until a test ends them; by themselves they end when they are looked at."""
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "RUNNING")
    state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 1_000_000})
    yield
    state_manager.unset_transition("glue::job_run")


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("engine", ["emr-steps", "emr-serverless", "glue"])
def test_a_retry_finds_the_job_that_was_submitted_and_never_noted(engine, environ, tmp_path):
    jobs = Jobs(engine)
    arguments = (FEED, {"--batch-id": "b"}, jobs.cluster, of_engine(engine, **jobs.more))
    store = tmp_path / "store.json"
    first = Try(operator, arguments, environ, store, stop=jobs.key)
    assert first.kill_at_stop() == f"before {jobs.key}"
    assert len(jobs.list()) == 1
    assert jobs.key not in json.loads(store.read_text())
    second = Try(operator, arguments, environ, store)
    eventually(lambda: jobs.key in json.loads(store.read_text() or "{}"), "the job is noted")
    jobs.finish()
    assert [second.result()] == jobs.ids()
    assert json.loads(store.read_text()) == {}


def livy_operator(cluster, url, artifacts, arguments):
    jobs = f"s3://{artifacts}/spark_jobs"
    return ClusterLivyOperator(
        task_id="preprocess",
        job_flow_id=cluster,
        livy_url=url,
        file=f"{jobs}/preprocess.py",
        py_files=[f"{jobs}/spark_jobs.zip"],
        name="shop.orders 20240101T000000",
        args=[each for pair in arguments.items() for each in pair],
        polling_interval=1,
        deferrable=False,
    )


def test_a_retry_finds_the_spark_batch_whose_number_was_never_noted(environ, stack, lake, tmp_path):
    """With the real Livy server and the real job."""
    config = stack.config
    lake.put(f"raw/{lake.feed.table}/a.csv", "order_id,note\n1,a\n2,b\n")
    root = f"s3://{lake.bucket}"
    job = {
        "--feed": lake.feed.spec(),
        "--batch-id": "20240101T000000",
        "--input": f"{root}/raw/{lake.feed.table}/*.csv",
        "--output": f"{root}/staged/{lake.feed.table}/",
        "--rejected": f"{root}/rejected/{lake.feed.table}/",
    }
    cluster = boto3.client("emr").run_job_flow(Name="c", Instances=NODES, **ROLES)["JobFlowId"]
    url = f"http://127.0.0.1:{config.ports.livy}"
    arguments = (cluster, url, config.artifacts_bucket, job)
    environ = {**environ, "AIRFLOW_CONN_LIVY_DEFAULT": '{"conn_type": "livy", "host": "x.invalid"}'}
    store, key = tmp_path / "store.json", f"livy_batch_id_on_{cluster}"
    first = Try(livy_operator, arguments, environ, store, stop=key)
    assert first.kill_at_stop() == f"before {key}"
    mark = json.loads(store.read_text())[f"{key}_mark"]["mark"]
    number = Try(livy_operator, arguments, environ, store).result()
    listed = requests.get(f"{url}/batches", timeout=10).json()["sessions"]
    (batch,) = [each for each in listed if each["name"].startswith("shop.orders ")]
    found = (str(batch["id"]), batch["name"].split()[-1], batch["state"])
    assert found == (number, mark, "success")
    output = config.s3 / lake.bucket / "staged" / lake.feed.table
    assert (output / "report.json").exists()
    assert len(list(output.glob("attempt-*"))) == 1


def cluster_operator(run_id):
    made = RunClusterOperator(
        task_id="create_cluster",
        job_flow_overrides=job_flow("shop", Settings.load(ENVIRON)),
        waiter_delay=1,
        wait_for_completion=True,
    )
    made.render_template_fields({"run_tag": lambda: run_id})
    return made


def clusters(*states):
    found = boto3.client("emr").list_clusters(ClusterStates=list(states))["Clusters"]
    return [each["Id"] for each in found]


def test_a_retry_finds_the_cluster_that_a_killed_try_asked_for(environ, tmp_path):
    first = Try(cluster_operator, ("run-1",), environ, tmp_path / "a", stop="emr_cluster")
    assert first.kill_at_stop() == "before emr_cluster"
    (made,) = clusters(*ALIVE)
    assert Try(cluster_operator, ("run-1",), environ, tmp_path / "a").result() == made
    assert clusters(*ALIVE) == [made]
    other = Try(cluster_operator, ("run-2",), environ, tmp_path / "b").result()
    assert sorted(clusters(*ALIVE)) == sorted([made, other])


def test_a_cluster_that_was_ended_is_not_taken_again(environ, tmp_path):
    first = Try(cluster_operator, ("run-1",), environ, tmp_path / "a").result()
    boto3.client("emr").terminate_job_flows(JobFlowIds=[first])
    second = Try(cluster_operator, ("run-1",), environ, tmp_path / "a").result()
    assert first != second
    assert clusters(*ALIVE) == [second]


def test_a_creation_that_fails_half_way_leaves_no_cluster(environ, monkeypatch):
    made = cluster_operator("run-1")

    def fail(_):
        assert len(clusters(*ALIVE)) == 1
        raise ConnectionError("while waiting")

    monkeypatch.setattr(made.hook, "get_waiter", fail)
    with pytest.raises(ConnectionError, match="while waiting"):
        made.execute({"ti": TaskInstance()})
    assert clusters(*ALIVE) == []
    assert len(clusters("TERMINATED", "TERMINATING")) == 1


def test_a_cluster_is_asked_for_with_an_idle_limit_and_its_runs_name(environ):
    made = cluster_operator("manual__2024-01-01T00:00:00+00:00")
    asked = []
    event = "provide-client-params.emr.RunJobFlow"
    made.hook.conn.meta.events.register(event, lambda params, **_: asked.append(params))
    made.execute({"ti": TaskInstance()})
    (request,) = asked
    assert request["AutoTerminationPolicy"] == {"IdleTimeout": IDLE_SECONDS}
    assert request["Name"] == "starlift-shop manual__2024-01-01T00:00:00+00:00"
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert (tags["dag_id"], tags["run_id"]) == ("shop", "manual__2024-01-01T00:00:00+00:00")
