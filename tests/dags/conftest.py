"""One small warehouse per test process, and a feed of its own for each test."""

import zlib
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from elt_lib.warehouse import ensure_tables
from tests.dags.lake import FEED, Lake, small_stack
from tests.dags.registering import DATABASE, REGION, Files


@pytest.fixture(scope="session")
def stack(tmp_path_factory, manifest):
    with small_stack(tmp_path_factory.mktemp("load"), "livy", manifest=manifest) as running:
        yield running


@pytest.fixture
def lake(stack, request):
    """A feed of the test's own, its table created."""
    name = f"orders_{zlib.crc32(request.node.name.encode())}"
    made = Lake(stack.config, replace(FEED, name=name))
    ensure_tables(made.connect(), [made.feed])
    yield made
    made.query("select starlift_gateway.clear_faults()")
    for connection in made.connections:
        connection.close()


@pytest.fixture
def glue(monkeypatch):
    """A Glue catalogue with an empty database."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("glue", region_name=REGION)
        client.create_database(DatabaseInput={"Name": DATABASE})
        yield client


@pytest.fixture
def files():
    return Files()
