"""How Airflow and dbt enter a warehouse on AWS: with what request, and as whom."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
import yaml
from botocore.client import BaseClient
from botocore.validate import ParamValidator

from infra.aws import connections
from infra.aws.deployment import Deployment
from tests.infra.aws.policies import task_role_actions

PROJECT = Path(__file__).resolve().parents[3]
HOSTS = {
    "serverless": "starlift-dev.123456789012.us-east-1.redshift-serverless.amazonaws.com",
    "provisioned": "starlift-dev.abcdefghijkl.us-east-1.redshift.amazonaws.com",
}
REQUESTS = {
    "serverless": ("redshift-serverless", "GetCredentials"),
    "provisioned": ("redshift", "GetClusterCredentialsWithIAM"),
}


class Entered(Exception):
    """What the driver would open a connection with."""

    def __init__(self, **options: Any) -> None:
        self.options = options


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Requests to AWS, each checked by botocore and answered with credentials of the role's user.

    moto answers neither request.
    """
    requests: list[tuple[str, str]] = []

    def answer(self: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        model = self.meta.service_model
        requests.append((model.service_name, operation))
        shape = model.operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        assert not report.has_errors(), report.generate_report()
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        given = {"dbUser": "IAMR:role", "dbPassword": "secret", "expiration": until}
        if model.service_name == "redshift":
            given = {name[0].upper() + name[1:]: value for name, value in given.items()}
        return given

    def connect(*_: Any, **options: Any) -> None:
        raise Entered(**options)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    monkeypatch.setattr(redshift_connector, "Connection", connect)
    monkeypatch.setattr(redshift_connector.iam_helper.IamHelper, "credentials_cache", {})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return requests


def by_airflow(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from elt_lib.hooks import WarehouseHook

    outputs = {
        "Kind": kind,
        "Endpoint": HOSTS[kind],
        "Database": "starlift",
        **dict.fromkeys(("EmrServiceRoleName", "EmrNodeProfileName", "LogsBucket"), "x"),
        **dict.fromkeys(("SecurityConfigurationName", "PrivateSubnetIds"), "x"),
        **dict.fromkeys(("EmrNodeGroupId", "EmrServiceGroupId"), "x"),
    }
    made = connections.connections(
        Deployment("starlift", "dev", {}), outputs, "us-east-1", connections.ClusterSize()
    )
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(made["redshift_default"]))
    WarehouseHook(redshift_conn_id="redshift_default").get_conn()


def by_dbt(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt.adapters.redshift.connections import RedshiftCredentials, get_connection_method

    profile = yaml.safe_load((PROJECT / "profiles/profiles.yml").read_text("utf-8"))
    settings = {
        **profile["starlift"]["outputs"]["prod"],
        "host": HOSTS[kind],
        "port": 5439,
        "database": "starlift",
        "region": "us-east-1",
        "cluster_id": "starlift-dev" if kind == "provisioned" else None,
    }
    known = RedshiftCredentials.__dataclass_fields__
    credentials = RedshiftCredentials(**{k: v for k, v in settings.items() if k in known})
    get_connection_method(credentials)()


@pytest.mark.parametrize("kind", HOSTS)
@pytest.mark.parametrize("enter", [by_airflow, by_dbt])
def test_the_warehouse_is_entered_as_the_role_that_runs_the_task(
    enter: Any, kind: str, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Entered) as entered:
        enter(kind, monkeypatch)
    options = entered.value.options
    assert options["user"] == "IAMR:role"
    assert (options["ssl"], options["sslmode"]) == (True, "verify-full")
    assert options["host"] == HOSTS[kind]
    assert asked == [REQUESTS[kind]]
    (request,) = asked
    assert ":".join(request) in task_role_actions()
