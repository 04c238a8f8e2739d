"""The checks before and after a deployment, and what they tell to do."""

from __future__ import annotations

import ast
import dataclasses
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from infra.aws import change_sets, components, wheels
from infra.aws.deployment import Deployment
from infra.aws.doctor import CONFLICT, EMR_TAG, NO_INDEX, Doctor
from infra.aws.errors import DeployError
from tests.integration import stand_ins

PROJECT = Path(__file__).resolve().parents[3]


def test_the_doctor_tells_what_to_do(account: Any, deployment: Deployment) -> None:
    doctor = Doctor(account, deployment, PROJECT, Path("missing.txt"))
    findings = {each.check: each for each in doctor.examine()}
    assert findings["account"].well
    assert findings["region"].found == "us-east-1"
    assert findings["pins"].well, findings["pins"].found
    assert findings["elastic IP addresses"].found.endswith("1 needed")
    assert not findings["stacks"].well
    assert findings["stacks"].remedy == "python -m infra.aws deploy"
    assert not findings["environment"].well
    assert "could not look" in findings["environment"].found
    assert findings["requirements"].remedy.startswith("The constraints can't be read")
    roles = findings["roles of services"]
    assert roles.found == "elasticmapreduce.amazonaws.com, spot.amazonaws.com"
    assert "aws iam create-service-linked-role --aws-service-name spot" in roles.remedy


class Warehouse(stand_ins.Redshift):
    """The Data API in front of a database with some level of isolation."""

    level = "Snapshot Isolation"

    def run(self, sql: str) -> dict[str, Any]:
        assert "svv_redshift_databases" in sql
        if not self.level:
            return {"Status": "FAILED", "Error": "permission denied", "rows": []}
        return {"Status": "FINISHED", "rows": [[self.level]]}


def test_the_doctor_looks_at_the_isolation_level(
    account: Any, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = Doctor(account, deployment, PROJECT)
    outputs = {"Kind": "serverless", "Database": "starlift"}
    monkeypatch.setattr(change_sets.Stack, "outputs", lambda _: outputs)
    monkeypatch.setattr(stand_ins, "Redshift", Warehouse)
    with stand_ins.redshift(deployment.name, pytest.fail) as server:
        for service in ("REDSHIFT_SERVERLESS", "REDSHIFT_DATA"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", server.url)
        assert doctor.isolation().well
        monkeypatch.setattr(server, "level", "Serializable")
        found = doctor.isolation()
        assert (found.well, found.found) == (False, "Serializable")
        assert "alter database starlift isolation level snapshot" in found.remedy
        monkeypatch.setattr(server, "level", "")
        with pytest.raises(DeployError, match="permission denied"):
            doctor.isolation()


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
    assert (found.well, found.found) == (
        False,
        "Airflow 3.2.0 and Python 3.12 in requirements.txt",
    )


def test_the_doctor_asks_for_emrs_tag_on_a_network_of_ones_own(
    account: Any, deployment: Deployment
) -> None:
    ec2 = account.client("ec2")
    ids = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2]]
    settings = {**deployment.settings, "PrivateSubnetIds": ", ".join(ids)}
    doctor = Doctor(account, dataclasses.replace(deployment, settings=settings), PROJECT)
    ec2.create_tags(Resources=ids[:1], Tags=[EMR_TAG])
    found = doctor.subnets()
    assert (found.well, found.found) == (False, ids[1])
    assert f"--resources {ids[1]} --tags Key=for-use-with-amazon" in found.remedy
    ec2.create_tags(Resources=ids[1:], Tags=[EMR_TAG])
    assert doctor.subnets().well


def lock(**instead: str) -> str:
    """Constraints that name a version for every package of the lock, some of them another one."""
    text = (PROJECT / "requirements.lock").read_text("utf-8")
    pins = dict(line.split(";")[0].strip().split("==") for line in components.PIN.findall(text))
    chosen = {**pins, **{name.replace("_", "-"): version for name, version in instead.items()}}
    return "".join(f"{name}=={version}\n" for name, version in chosen.items())


@pytest.mark.slow
def test_requirements_resolve_under_airflows_own_constraints(
    index: None, account: Any, deployment: Deployment
) -> None:
    try:
        found = Doctor(account, deployment, PROJECT).requirements()
    except DeployError as error:
        if "can't be read" not in str(error):
            raise
        pytest.skip(str(error))
    assert found.well, found.found


@pytest.mark.slow
@pytest.mark.parametrize("airflow", ["mwaa", "ec2"])
def test_requirements_resolve_under_the_lock(
    index: None, account: Any, deployment: Deployment, tmp_path: Path, airflow: str
) -> None:
    known = tmp_path / "known.txt"
    known.write_text(lock())
    settings = {**deployment.settings, "Airflow": airflow}
    doctor = Doctor(account, dataclasses.replace(deployment, settings=settings), PROJECT, known)
    found = doctor.requirements()
    assert found.well, found.found
    assert "packages under constraints" in found.found


def imported() -> set[str]:
    """Distributions of all that the DAGs import, and of what only the machines' settings name."""
    modules = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for path in (PROJECT / "dags").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    known = packages_distributions()
    return {known[module][0].lower().replace("_", "-") for module in modules & known.keys()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("airflow", "more"), [("mwaa", set()), ("ec2", {"psycopg2-binary", "asyncpg", "celery"})]
)
def test_what_the_dags_import_is_installed(
    index: None, deployment: Deployment, tmp_path: Path, airflow: str, more: set[str]
) -> None:
    """MWAA's image and its requirements; on machines also what Airflow's own addresses name."""
    known = tmp_path / "known.txt"
    known.write_text(lock())
    chosen = dataclasses.replace(deployment, settings={"Airflow": airflow})
    pins = wheels.resolve(PROJECT, tmp_path, *components.wanted(chosen, PROJECT, known))
    installed = {line.split("==")[0] for line in components.PIN.findall(pins.read_text("utf-8"))}
    needed = imported() | more
    assert {"pyarrow", "redshift-connector", "astronomer-cosmos"} <= needed
    assert needed - installed == set()


@pytest.mark.slow
def test_a_pin_that_disagrees_is_named(
    index: None, account: Any, deployment: Deployment, tmp_path: Path
) -> None:
    known = tmp_path / "known.txt"
    known.write_text(lock(astronomer_cosmos="1.14.0"))
    found = Doctor(account, deployment, PROJECT, known).requirements()
    assert (found.well, found.remedy) == (False, CONFLICT)
    assert "astronomer-cosmos==1.14.0" in found.found


@pytest.mark.slow
def test_dbt_can_not_be_among_the_requirements(index: None, tmp_path: Path) -> None:
    """Airflow 3.3.1's constraints pin pathspec to 1.1.1, and MWAA's image brings them."""
    known = lock(pathspec="1.1.1")
    with pytest.raises(
        DeployError, match=r"dbt-core.* depends on pathspec[^ ]+ and\s+pathspec==1\.1"
    ):
        wheels.resolve(PROJECT, tmp_path, ["astronomer-cosmos", "dbt-core>=1.11,<1.12"], known)


def test_without_a_package_index_the_doctor_says_what_it_needs(
    account: Any, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = tmp_path / "known.txt"
    known.write_text(lock())
    nowhere = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
        "UV_NO_CACHE": "1",
        "UV_HTTP_RETRIES": "0",
    }
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    found = Doctor(account, deployment, PROJECT, known).requirements()
    assert (found.well, found.remedy) == (False, NO_INDEX)
