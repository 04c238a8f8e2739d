"""Airflow's connections as a worker of MWAA reads them: its settings, the provider's backend, and
the hooks that the DAGs use, against moto over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.aws import connections
from infra.aws.deployment import Deployment, Template
from tests.infra.aws.policies import actions_of
from tests.infra.aws.test_connections import OUTPUTS

PROJECT = Path(__file__).resolve().parents[3]
PATTERN = json.dumps({"connections_lookup_pattern": "^(?!aws_default$).*$"})
BY_MWAA = {
    "AIRFLOW__SECRETS__BACKEND_KWARGS": PATTERN,
    "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": PATTERN,
}
"""What MWAA's image sets and lets the environment's own options replace (aws/amazon-mwaa-docker-
images, images/airflow/3.3.1/python/mwaa/config/airflow.py)."""

READ = """
import json
from airflow.sdk.configuration import ensure_secrets_loaded
from airflow.sdk.execution_time.secrets import DEFAULT_SECRETS_SEARCH_PATH_WORKERS
from elt_lib.emr import RunClusterHook
from elt_lib.hooks import WarehouseHook
from elt_lib.operators import AddressedLivyHook

backend = ensure_secrets_loaded(DEFAULT_SECRETS_SEARCH_PATH_WORKERS)[0]
found = {name: backend.get_connection(name) for name in %s}
warehouse = WarehouseHook(redshift_conn_id="redshift_default")
cluster = RunClusterHook(aws_conn_id=None, emr_conn_id="emr_default").create_job_flow(
    {"Name": "c", "ReleaseLabel": "emr-spark-8.0.0", "Applications": [{"Name": "Spark"}]}
)
livy = AddressedLivyHook("http://10.0.0.1:8998", livy_conn_id="livy_default")
livy.get_conn()
print(json.dumps({
    "backend": type(backend).__name__,
    "read": {name: one and json.loads(one.as_json()) for name, one in found.items()},
    "warehouse": warehouse._get_conn_params() | warehouse.conn.extra_dejson,
    "cluster": cluster["JobFlowId"],
    "livy": livy.base_url,
}))
"""


def options(deployment: Deployment) -> dict[str, str]:
    """The environment's configuration options, as MWAA hands them to Airflow."""
    environment = Template.load("mwaa").resources["Environment"]["Properties"]
    found = {}
    for name, value in environment["AirflowConfigurationOptions"].items():
        text = value["Fn::Sub"] if isinstance(value, dict) else value
        section, _, option = name.partition(".")
        found[f"AIRFLOW__{section}__{option}".upper()] = text.replace("${Name}", deployment.name)
    return found


@pytest.fixture
def session(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session of the account over HTTP, and the environment of whoever enters it so."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return boto3.Session(region_name="us-east-1")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["serverless", "provisioned"])
def test_a_worker_of_mwaa_reads_what_connections_wrote(
    session: Any,
    deployment: Deployment,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    outputs = {**OUTPUTS, "Kind": kind}
    wanted = connections.connections(deployment, outputs, "us-east-1", connections.ClusterSize())
    client = session.client("secretsmanager")
    connections.store(client, deployment, wanted, "alias/x", print)
    # Not ours: MWAA's workers may not even ask for it.
    client.create_secret(Name="starlift-dev/airflow/connections/aws_default", SecretString="{}")
    for name, value in {**BY_MWAA, **options(deployment)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{PROJECT}:{PROJECT / 'dags'}")
    done = subprocess.run(
        [sys.executable, "-c", READ % [*wanted, "aws_default"]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == "SecretsManagerBackend"
    assert found["read"].pop("aws_default") is None
    assert found["read"].keys() == wanted.keys()
    for name, connection in wanted.items():
        read = found["read"][name]
        assert {key: read[key] for key in connection} == connection, name
        assert not (read.get("login") or read.get("password"))
    way_in = "serverless_work_group" if kind == "serverless" else "cluster_identifier"
    assert found["warehouse"][way_in] == deployment.name
    assert found["warehouse"]["host"] == OUTPUTS["Endpoint"]
    assert (found["warehouse"]["port"], found["warehouse"]["database"]) == (5439, "starlift")
    made = session.client("emr").describe_cluster(ClusterId=found["cluster"])["Cluster"]
    assert made["LogUri"] == "s3://starlift-dev-logs-1/emr/"
    assert made["Ec2InstanceAttributes"]["EmrManagedMasterSecurityGroup"] == "sg-1"
    assert found["livy"] == "http://10.0.0.1:8998"


def test_the_tasks_role_may_read_what_the_backend_asks_for() -> None:
    for role, settings in {"MwaaRole": {}, "WorkerRole": {"Airflow": "ec2"}}.items():
        assert "secretsmanager:GetSecretValue" in actions_of(role, **settings)
