"""What Airflow is told of a deployment: connections, settings, and its way into the warehouse."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from infra.aws import connections, warehouse
from infra.aws.airflow_settings import airflow_settings
from infra.aws.deployment import Deployment

OUTPUTS = {
    "Kind": "serverless",
    "Endpoint": "wg.123456789012.us-east-1.redshift-serverless.amazonaws.com",
    "Database": "starlift",
    "EmrServiceRoleName": "starlift-dev-emr-service",
    "EmrNodeProfileName": "starlift-dev-emr-nodes",
    "LogsBucket": "starlift-dev-logs-1",
    "SecurityConfigurationName": "starlift-dev",
    "PrivateSubnetIds": "subnet-1,subnet-2",
    "EmrNodeGroupId": "sg-1",
    "EmrServiceGroupId": "sg-2",
}


def made(deployment: Deployment, **changes: str) -> dict[str, dict[str, Any]]:
    outputs = {**OUTPUTS, **changes}
    return connections.connections(deployment, outputs, "us-east-1", connections.ClusterSize())


def test_no_connection_holds_a_secret(deployment: Deployment) -> None:
    for connection in made(deployment).values():
        assert not {"login", "password"} & connection.keys()
        text = json.dumps(connection).lower()
        assert not any(word in text for word in ("password", "secret", "access_key", "token"))


def test_redshift_is_entered_by_iam_over_verified_tls(deployment: Deployment) -> None:
    extra = made(deployment)["redshift_default"]["extra"]
    assert (extra["iam"], extra["sslmode"]) == (True, "verify-full")
    assert extra["serverless_work_group"] == "starlift-dev"
    provisioned = made(deployment, Kind="provisioned")["redshift_default"]["extra"]
    assert provisioned["cluster_identifier"] == "starlift-dev"
    assert "is_serverless" not in provisioned


def test_the_cluster_request_is_one_that_emr_takes(account: Any, deployment: Deployment) -> None:
    """botocore checks every name and type of RunJobFlow; moto starts the cluster."""
    request = {
        **made(deployment)["emr_default"]["extra"],
        "Name": "starlift-bikeshare",
        "ReleaseLabel": "emr-spark-8.0.0",
        "Applications": [{"Name": "Spark"}, {"Name": "Livy"}],
    }
    emr = account.client("emr")
    cluster = emr.describe_cluster(ClusterId=emr.run_job_flow(**request)["JobFlowId"])["Cluster"]
    assert cluster["TerminationProtected"] is False
    fleets = {each["InstanceFleetType"]: each for each in request["Instances"]["InstanceFleets"]}
    assert fleets["TASK"]["TargetOnDemandCapacity"] == 0
    assert fleets["MASTER"]["TargetSpotCapacity"] == fleets["CORE"]["TargetSpotCapacity"] == 0
    assert len(fleets["TASK"]["InstanceTypeConfigs"]) > 1
    assert request["AutoTerminationPolicy"] == {"IdleTimeout": 3600}


def test_connections_are_written_once_changed_in_place_and_removed(
    account: Any, deployment: Deployment
) -> None:
    client = account.client("secretsmanager")
    told: list[str] = []
    wanted = made(deployment)
    connections.store(client, deployment, wanted, "alias/x", told.append)
    connections.store(client, deployment, wanted, "alias/x", told.append)
    changed = made(deployment, Endpoint="elsewhere")
    connections.store(client, deployment, changed, "alias/x", told.append)
    assert [line.split(": ")[1] for line in told] == [
        *["made"] * 3,
        *["as before"] * 3,
        "changed",
        *["as before"] * 2,
    ]
    secret = "starlift-dev/airflow/connections/redshift_default"
    stored = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    assert stored["host"] == "elsewhere"
    client.create_secret(Name="starlift-developers/own", SecretString="{}")
    connections.remove(client, deployment, told.append)
    left = [each["Name"] for each in client.list_secrets()["SecretList"]]
    assert left == ["starlift-developers/own"]


def test_settings_name_all_that_the_dags_need(deployment: Deployment) -> None:
    outputs = {
        **OUTPUTS,
        "LakeBucket": "lake",
        "ArtifactsBucket": "artifacts",
        "RedshiftCopyRoleArn": "arn:copy",
        "ReleaseLabel": "emr-spark-8.0.0",
        "ServerlessApplicationId": "app",
        "EmrServerlessRoleArn": "arn:role",
        "AlertTopicArn": "arn:topic",
        "Engine": "livy",
        "AthenaWorkGroup": "starlift-dev",
    }
    from elt_lib.settings import Settings

    def load(**more: str) -> Settings:
        environ = airflow_settings(deployment, {**outputs, **more}, "us-east-1")
        return Settings.load({**environ, "STARLIFT_PROJECT": "/p", "STARLIFT_MANIFEST": "/m"})

    environ = airflow_settings(deployment, outputs, "us-east-1")
    assert environ["STARLIFT_READERS"] == "role:starlift_readers"
    settings = load(GlueDatabase="starlift_dev")
    assert (settings.engine, settings.glue_database) == ("livy", "starlift_dev")
    assert settings.athena_workgroup == "starlift-dev"
    assert load().glue_database == ""
    glue = load(Engine="glue", GlueJobName="starlift-dev-preprocess")
    assert (glue.engine, glue.glue_job) == ("glue", "starlift-dev-preprocess")
    serverless = load(Engine="emr-serverless")
    assert (serverless.serverless_application, serverless.spark_role) == ("app", "arn:role")
    assert settings.livy_url == "http://{master}:8998"
    assert settings.dbt == "/usr/local/airflow/starlift-dbt/bin/dbt"
    assert settings.tags == (("deployment", "starlift-dev"), ("environment", "dev"))


def test_the_warehouse_lets_airflows_role_in(account: Any, deployment: Deployment) -> None:
    """moto takes the statements; what Redshift makes of them only Redshift can tell."""
    account.client("redshift").create_cluster(
        ClusterIdentifier="starlift-dev",
        NodeType="ra3.large",
        MasterUsername="starlift_admin",
        ManageMasterPassword=True,
        ClusterType="multi-node",
        NumberOfNodes=2,
    )
    sql = list(warehouse.statements(deployment, OUTPUTS))
    assert sql[0] == 'create user "IAMR:starlift-dev-mwaa" password disable'
    assert sql[-2:] == [
        'create schema if not exists marts authorization "IAMR:starlift-dev-mwaa"',
        "grant usage on schema marts to role starlift_readers",
    ]
    assert not any("superuser" in each or "all privileges" in each for each in sql)
    machines = dataclasses.replace(deployment, settings={"Airflow": "ec2"})
    assert '"IAMR:starlift-dev-airflow-worker"' in next(warehouse.statements(machines, OUTPUTS))
    assert not any("external" in each for each in sql)


def test_an_external_schema_shows_the_catalogue_to_readers(deployment: Deployment) -> None:
    lake = {
        "ExternalSchema": "lake",
        "RedshiftSpectrumRoleArn": "arn:aws:iam::1:role/spectrum",
        "GlueDatabase": "starlift_dev",
    }
    sql = list(warehouse.statements(deployment, {**OUTPUTS, **lake}))
    assert sql[-3:] == [
        "create external schema if not exists lake from data catalog database 'starlift_dev' "
        "iam_role 'arn:aws:iam::1:role/spectrum'",
        'grant usage on schema lake to "IAMR:starlift-dev-mwaa"',
        "grant usage on schema lake to role starlift_readers",
    ]
