"""The project's manifest; one warehouse per test session, started when the first slow test asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dbt_project.nodes import Node
from tests.dbt_project.staged_trips import Staging
from tests.dbt_project.warehouse import Warehouse, parsed_beside, running


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Iterator[Warehouse]:
    """Staging tables as the contract declares them, the staging views, nothing else."""
    with running(tmp_path_factory.mktemp("warehouse"), parsed_beside(manifest)) as started:
        started.create_staging(manifest)
        started.built("run", "--select", "staging")
        yield started


@pytest.fixture
def empty_warehouse(warehouse: Warehouse) -> Warehouse:
    """The warehouse without rows and without anything that dbt builds from them."""
    warehouse.execute(
        "delete from staging.bikeshare__trips",
        "delete from staging.bikeshare__stations",
        "delete from ops.load_ledger",
        "delete from ops.load_rejects",
        "drop schema if exists marts cascade",
        "create schema marts",
    )
    return warehouse


@pytest.fixture
def staging(empty_warehouse: Warehouse) -> Staging:
    """Staging without batches."""
    return Staging(empty_warehouse)


@pytest.fixture(scope="session")
def full_refresh(warehouse: Warehouse) -> str:
    """The SELECT that a full refresh of the fact runs."""
    warehouse.built("compile", "--full-refresh", "--write-json", "--select", "fct_trips")
    manifest = Path(warehouse.environment["DBT_TARGET_PATH"]) / "manifest.json"
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    compiled: str = nodes["model.starlift.fct_trips"]["compiled_code"]
    return compiled


@pytest.fixture(scope="session")
def graph(manifest: Path) -> Node:
    content: Node = json.loads(manifest.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def models(graph: Node) -> dict[str, Node]:
    nodes = graph["nodes"].values()
    return {node["name"]: node for node in nodes if node["resource_type"] == "model"}
