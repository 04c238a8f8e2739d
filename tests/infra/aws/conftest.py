"""An AWS account made by moto, its gaps filled, and a deployment to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer

from infra.aws import wheels
from infra.aws.deployment import Deployment
from infra.aws.errors import DeployError
from tests.infra.aws.moto_gaps import filled

EMAIL = "team@example.com"
PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A session of an empty account; nothing leaves this process."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(), filled():
        yield boto3.Session(region_name="us-east-1")


@pytest.fixture
def server(account: Any) -> Iterator[str]:
    """The same account over HTTP."""
    threaded = ThreadedMotoServer("127.0.0.1", port=0)
    threaded.start()
    host, port = threaded.get_host_and_port()
    yield f"http://{host}:{port}"
    threaded.stop()


@pytest.fixture
def deployment() -> Deployment:
    """A serverless deployment."""
    return Deployment("starlift", "dev", {"Email": EMAIL})


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index; a test that needs one is skipped where there is none."""
    try:
        wheels.resolve(PROJECT, tmp_path_factory.mktemp("index"), ["PyYAML"], "")
    except DeployError as error:
        pytest.skip(f"no package index: {error}")
