"""What a target changes: where a person's dbt writes, and who may read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dbt_project.warehouse import PROJECT, Warehouse

pytestmark = pytest.mark.slow


def test_a_persons_target_prefixes_what_dbt_writes_and_shares_what_was_loaded(
    dag_environment: dict[str, str], tmp_path: Path
) -> None:
    environment = dag_environment | {
        "STARLIFT_DEV_USER": "Ann.Lee",
        "STARLIFT_READERS": "role:readers",
        "DBT_TARGET_PATH": str(tmp_path),
        "DBT_LOG_PATH": str(tmp_path),
    }
    dbt = Path(sys.executable).with_name("dbt")
    folders = ["--project-dir", PROJECT / "dbt_project", "--profiles-dir", PROJECT / "profiles"]
    subprocess.run(
        [dbt, "--quiet", "parse", "--target", "dev", *folders], env=environment, check=True
    )
    graph = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    models = [node for node in graph["nodes"].values() if node["resource_type"] == "model"]
    assert {model["schema"] for model in models} == {
        "dbt_ann_lee_staging",
        "dbt_ann_lee_marts",
        "dbt_ann_lee_ops",
    }
    assert {source["schema"] for source in graph["sources"].values()} == {"staging", "ops"}
    assert [model["config"]["grants"] for model in models] == [{"select": ["role:readers"]}] * len(
        models
    )


def test_readers_are_granted_what_is_built(empty_warehouse: Warehouse) -> None:
    empty_warehouse.execute("create group analysts")
    granting = Warehouse(
        empty_warehouse.port,
        empty_warehouse.folder,
        empty_warehouse.environment
        | {
            "STARLIFT_READERS": "group:analysts",
            "DBT_TARGET_PATH": str(empty_warehouse.folder / "granting"),
        },
    )
    granting.built("run", "--select", "dim_date")
    granted = empty_warehouse.rows(
        "select relation_name, lower(privilege_type), identity_name from svv_relation_privileges "
        "where identity_name = 'analysts'"
    )
    assert granted == [["dim_date", "select", "analysts"]]
    empty_warehouse.execute("drop schema marts cascade", "drop group analysts")
