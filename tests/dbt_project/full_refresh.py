"""Comparing the incremental facts of a source with their full refresh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.dbt_project.warehouse import Warehouse


def assert_equal_to_full_refresh(warehouse: Warehouse, manifest: Path, source: str) -> None:
    """Make the source's models anew and compare each incremental one with what it held before."""
    facts = incremental_models(manifest, source)
    assert facts, f"{source} has no incremental fact"
    grown = {fact: rows(warehouse, fact, key) for fact, key in facts.items()}
    assert all(grown.values())
    warehouse.built("run", "--full-refresh", "--select", f"tag:{source}")
    for fact, key in facts.items():
        made = rows(warehouse, fact, key)
        assert len(grown[fact]) == len(made), fact
        different = [pair for pair in zip(grown[fact], made, strict=True) if pair[0] != pair[1]]
        assert different[:3] == [], fact


def incremental_models(manifest: Path, source: str) -> dict[str, str]:
    """Names of a source's incremental models, with their keys."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    return {
        node["name"]: node["config"]["unique_key"]
        for node in nodes
        if node["config"].get("materialized") == "incremental" and source in node["tags"]
    }


def rows(warehouse: Warehouse, fact: str, key: str) -> list[list[Any]]:
    """All rows of a fact in the order of their keys."""
    return warehouse.rows(f"select * from marts.{fact} order by {key}")
