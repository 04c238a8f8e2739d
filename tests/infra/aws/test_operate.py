"""Connections, Airflow's API, cost, checks and the warehouse's first statements."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from infra.aws import connections, cost, warehouse
from infra.aws.__main__ import main
from infra.aws.airflow_api import Airflow
from infra.aws.airflow_settings import airflow_settings
from infra.aws.deployment import Deployment
from infra.aws.doctor import Doctor
from infra.aws.errors import DeployError

PROJECT = Path(__file__).resolve().parents[3]
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


def test_logs_are_of_the_newest_run() -> None:
    client = FakeMwaa(
        {
            ("GET", "/dags/taxi/dagRuns"): [{"dag_runs": [{"dag_run_id": "r2"}]}],
            ("GET", "/dags/taxi/dagRuns/r2/taskInstances/load/logs/1"): [
                {"content": [{"event": "one"}, {"event": "two"}]}
            ],
        }
    )
    airflow = Airflow(client, "starlift-dev")
    assert airflow.log("taxi", airflow.last_run("taxi"), "load") == "one\ntwo"
    client.answers[("GET", "/dags/taxi/dagRuns")] = [{"dag_runs": []}]
    with pytest.raises(DeployError, match="taxi never ran"):
        airflow.last_run("taxi")


def test_an_estimate_adds_up_and_follows_the_parameters(deployment: Deployment) -> None:
    usual = cost.estimate(deployment)
    assert usual.total == pytest.approx(sum(item.dollars for item in usual.items))
    items = {item.what: item.dollars for item in usual.items}
    assert items["MWAA mw1.small"] == pytest.approx(0.49 * 730)
    assert items["NAT gateways (1)"] == pytest.approx(0.045 * 730)
    settings = {**deployment.settings, "Egress": "endpoints", "Kind": "provisioned"}
    other = cost.estimate(dataclasses.replace(deployment, settings=settings))
    whats = [item.what for item in other.items]
    assert "Interface endpoints (15 in two zones)" in whats
    assert "Redshift, 2 ra3.large" in whats
    assert not any("NAT" in what or "Serverless" in what for what in whats)
    busy = cost.estimate(deployment, cost.Use(warehouse_hours=120))
    assert busy.total - usual.total == pytest.approx(60 * 8 * 0.375)
    assert f"prices of {usual.date}" in cost.render(usual)


def test_an_estimate_knows_airflow_on_machines(deployment: Deployment) -> None:
    settings = {**deployment.settings, "Airflow": "ec2", "DatabaseZones": "one"}
    found = cost.estimate(dataclasses.replace(deployment, settings=settings))
    items = {item.what: item.dollars for item in found.items}
    assert items["EC2 m6i.large, 2 workers"] == pytest.approx(2 * 0.096 * 730)
    assert items["Metadata database db.t4g.medium, 1 zones"] == pytest.approx(0.065 * 730)
    assert not any("MWAA" in what for what in items)


def test_every_price_says_where_it_comes_from() -> None:
    lines = cost.PRICES.read_text("utf-8").splitlines()
    priced = [line for line in lines if line.startswith('"')]
    assert len(priced) > 20
    assert [line for line in priced if "#" not in line] == []


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


def test_the_doctor_tells_what_to_do(account: Any, deployment: Deployment) -> None:
    findings = {each.check: each for each in Doctor(account, deployment, PROJECT).examine()}
    assert findings["account"].well
    assert findings["region"].found == "us-east-1"
    assert findings["pins"].well, findings["pins"].found
    assert findings["elastic IP addresses"].found.endswith("1 needed")
    assert not findings["stacks"].well
    assert findings["stacks"].remedy == "python -m infra.aws deploy"
    assert not findings["environment"].well
    assert "could not look" in findings["environment"].found


def test_the_doctor_counts_machines(account: Any, deployment: Deployment) -> None:
    machines = dataclasses.replace(deployment, settings={"Airflow": "ec2"})
    found = Doctor(account, machines, PROJECT).environment()
    assert not found.well
    assert found.found == "starlift-dev-control: not there, starlift-dev-workers: not there"
    subnet = account.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    image = account.client("ec2").describe_images()["Images"][0]["ImageId"]
    scaling = account.client("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="c", ImageId=image, InstanceType="m6i.large"
    )
    for name in ("control", "workers"):
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=f"starlift-dev-{name}",
            LaunchConfigurationName="c",
            MinSize=1,
            MaxSize=2,
            VPCZoneIdentifier=subnet,
        )
    assert Doctor(account, machines, PROJECT).environment().well


def test_the_doctor_finds_pins_that_disagree(
    account: Any, deployment: Deployment, tmp_path: Path
) -> None:
    for name in ("infra/aws/mwaa/requirements.txt", "infra/aws/stacks/mwaa.yaml", "pyproject.toml"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (PROJECT / name).read_text("utf-8")
        target.write_text(text.replace("3.3.1", "3.2.0") if "requirements" in name else text)
    found = Doctor(account, deployment, tmp_path).pins()
    assert (found.well, found.found) == (False, "Airflow 3.2.0 in requirements.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('environment = "dev"\nregion = "x"', "unknown: region"),
        ('environment = "dev"\n[parameters]\nEgres = "nat"', "no template has the parameters Egre"),
        ('project = "Star"\nenvironment = "dev"', "'Star-dev'"),
        ("environment = ", "is no TOML"),
        ("", "It must begin with a letter"),
    ],
)
def test_a_wrong_file_says_what_to_write(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(DeployError, match=message):
        Deployment.load(path)
    with pytest.raises(DeployError, match=r"Copy example\.toml"):
        Deployment.load(tmp_path / "missing.toml")


def test_the_example_is_complete() -> None:
    Deployment.load(PROJECT / "infra/aws/example.toml").check_complete(
        ("RequirementsVersion", "StartupVersion")
    )


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["infra.aws", *arguments])
    return main()


def test_a_wrong_command_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "nonsense") == 2
    assert "No such command 'nonsense'" in capsys.readouterr().err
    assert command(monkeypatch, "parameters", "--bogus") == 2
    assert "No such option: --bogus" in capsys.readouterr().err


def test_ctrl_c_says_that_aws_goes_on(
    account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("infra.aws.__main__.Deployer.outputs", stop)
    example = str(PROJECT / "infra/aws/example.toml")
    handler = signal.getsignal(signal.SIGINT)
    assert command(monkeypatch, "--file", example, "outputs") == 130
    assert "AWS goes on with what it was told" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_region_is_taken_as_the_aws_cli_takes_it(
    account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = str(PROJECT / "infra/aws/example.toml")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert command(monkeypatch, "--file", example, "status") == 3
    assert "starlift-dev-storage" in capsys.readouterr().out
    monkeypatch.delenv("AWS_REGION")
    assert command(monkeypatch, "--file", example, "status") == 1
    assert "Which region?" in capsys.readouterr().err
