"""The command line and the deployment's file: what they say when something is wrong."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError

from infra.aws import connections, service_roles
from infra.aws.__main__ import main
from infra.aws.deploy import Deployer
from infra.aws.deployment import Deployment
from infra.aws.errors import DeployError

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('environment = "dev"\nregion = "x"', "unknown: region"),
        ('environment = "dev"\n[parameters]\nEgres = "nat"', "no template has the parameters Egre"),
        ('project = "Star"\nenvironment = "dev"', "'Star-dev'"),
        ("environment = ", "is no TOML"),
        ("", "It must begin with a letter"),
        ('environment = "dev"\n[parameters]\nNatGateways = 3', "NatGateways = '3' is none of 1, 2"),
        (
            'environment = "dev"\n[parameters]\nMinWorkers = 26\nMaxWorkers = 0',
            "MinWorkers = '26' is more than 25; MaxWorkers = '0' is less than 1",
        ),
        ('environment = "dev"\n[parameters]\nNodes = true', "Nodes = 'True' is no whole number"),
        ('environment = "dev"\n[parameters]\nExternalSchema = "My"', "'My' does not match"),
    ],
)
def test_a_wrong_file_says_what_to_write(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(DeployError, match=message):
        Deployment.load(path)
    with pytest.raises(DeployError, match=r"Copy example\.toml"):
        Deployment.load(tmp_path / "missing.toml")
    with pytest.raises(DeployError, match="can't be read"):
        Deployment.load(tmp_path)


def test_the_example_is_complete() -> None:
    Deployment.load(PROJECT / "infra/aws/example.toml").check_complete(
        ("RequirementsVersion", "StartupVersion")
    )


EXAMPLE = str(PROJECT / "infra/aws/example.toml")


def answer(code: str, status: int = 400) -> exceptions.ClientError:
    """What botocore makes of a service's refusal."""
    return exceptions.ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "DescribeStacks",
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

    monkeypatch.setattr("infra.aws.context.Deployer.outputs", stop)
    handler = signal.getsignal(signal.SIGINT)
    assert command(monkeypatch, "--file", EXAMPLE, "outputs") == 130
    assert "AWS goes on with what it was told" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(
    ("error", "next_step"),
    [
        (exceptions.ProfileNotFound(profile="nope"), "aws configure list-profiles"),
        (exceptions.NoCredentialsError(), "aws sso login"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="gone"), "aws sso login"),
        (exceptions.InvalidRegionError(region_name="x;"), "Name a region"),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "Is there a way to AWS"),
        (exceptions.ReadTimeoutError(endpoint_url="https://x"), "Is there a way to AWS"),
        (answer("ExpiredToken"), "Your credentials have expired"),
        (answer("UnrecognizedClientException"), "has not enabled the region"),
        (answer("AccessDenied"), "Your role may not do this"),
        (answer("403", 403), "Your role may not do this"),  # HEAD has no words
        (answer("ResourceNotFoundException"), "deploy makes what is not"),
        (answer("InternalFailure", 500), "Wait a minute"),
        (answer("ValidationError"), "doctor"),
        (ResponseParserError("invalid XML received\nb'<html>'"), "is there a proxy on the way?"),
    ],
)
def test_every_error_of_aws_says_what_to_do_next(
    error: Exception,
    next_step: str,
    account: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("infra.aws.context.Deployer.outputs", fail)
    assert command(monkeypatch, "--file", EXAMPLE, "outputs") == 1
    told = capsys.readouterr().err
    assert next_step in told
    assert str(error).splitlines()[0] in told
    assert "Traceback" not in told


def test_an_output_that_is_not_there_yet_is_named(account: Any, deployment: Deployment) -> None:
    outputs = Deployer(account.client("cloudformation"), deployment, print).outputs()
    with pytest.raises(DeployError, match=r"output Kind yet: run deploy"):
        connections.connections(deployment, outputs, "us-east-1", connections.ClusterSize())


def test_the_roles_of_emr_are_made_once_and_only_for_clusters(
    account: Any, deployment: Deployment
) -> None:
    iam, told = account.client("iam"), []
    serverless = dataclasses.replace(deployment, settings={"Engine": "emr-serverless"})
    service_roles.ensure(iam, serverless, told.append)
    assert told == []
    service_roles.ensure(iam, deployment, told.append)
    service_roles.ensure(iam, deployment, told.append)
    assert told == [
        "role of elasticmapreduce.amazonaws.com: made, once for the account",
        "role of spot.amazonaws.com: made, once for the account",
    ]


def test_destroying_what_is_not_there_asks_nothing(
    account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "--file", EXAMPLE, "destroy") == 0
    assert "nothing of it is deployed here" in capsys.readouterr().out


def test_ctrl_c_while_a_run_is_started_says_how_to_follow_it(
    account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("infra.aws.context.Airflow.start", stop)
    assert command(monkeypatch, "--file", EXAMPLE, "trigger", "taxi") == 130
    told = capsys.readouterr().err
    assert "goes on. Follow it again with: python -m infra.aws trigger taxi --run manual__" in told
    assert "run the command again" not in told


def test_a_destroy_that_is_refused_takes_no_connection_away(
    account: Any,
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Deployer(account.client("cloudformation"), deployment, print, pause=0.01).deploy("storage")
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="starlift-dev/airflow/connections/x", SecretString="{}")
    s3, bucket = account.client("s3"), "starlift-dev-lake-123456789012"
    s3.put_object(Bucket=bucket, Key="raw/a.csv", Body=b"1")
    for options in (["--yes"], []):
        assert command(monkeypatch, "--file", EXAMPLE, "destroy", *options) == 1
        assert "Nothing was removed: there are objects" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command(monkeypatch, "--file", EXAMPLE, "destroy", "--empty-buckets") == 1
    assert capsys.readouterr().err == "starlift: Nothing was removed.\n"
    assert len(secrets.list_secrets()["SecretList"]) == 1


def test_the_region_is_taken_as_the_aws_cli_takes_it(
    account: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert command(monkeypatch, "--file", EXAMPLE, "status") == 3
    assert "starlift-dev-storage" in capsys.readouterr().out
    monkeypatch.delenv("AWS_REGION")
    assert command(monkeypatch, "--file", EXAMPLE, "status") == 1
    assert "Which region?" in capsys.readouterr().err
