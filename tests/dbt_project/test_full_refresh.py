"""Every incremental fact equals its full refresh, for every source that has a sample.

The sample's files go the whole way, the latest interval first, with a build after each; then
everything is built anew, and each fact must hold the same rows.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from infra.local.samples import registry
from infra.local.samples.sample import SampleSource
from tests.dbt_project.whole_way import Way, whole_way

pytestmark = pytest.mark.slow

# These compare the same in a file of their own, where the way to the warehouse is gone already.
ELSEWHERE = {"immigration": "test_immigration.py", "movies": "test_movies.py"}
SOURCES = [
    pytest.param(source, id=name)
    for name, source in registry.SOURCES.items()
    if name not in ELSEWHERE
]


@pytest.mark.parametrize("file", ELSEWHERE.values())
def test_the_others_are_compared_in_their_own_file(file: str) -> None:
    assert "full_refresh" in Path(__file__).with_name(file).read_text(encoding="utf-8")


@pytest.mark.parametrize("source", SOURCES)
def test_incremental_facts_equal_their_full_refresh(
    source: SampleSource, manifest: Path, tmp_path: Path
) -> None:
    facts = incremental_models(manifest, source.SOURCE)
    assert facts, f"{source.SOURCE} has no incremental fact"
    sample = source.generate(tmp_path / "sample")
    build = ("build", "--select", f"+tag:{source.SOURCE}")
    for kind in ("test", "unit_test", "snapshot", "exposure"):
        build += ("--exclude-resource-type", kind)
    with whole_way(tmp_path, manifest, source.SOURCE) as way:
        for batch in sample.batches:
            for file in batch.files:
                way.put(file.key, file.path)
        intervals = sorted({batch.batch_id for batch in sample.batches})
        for interval in (intervals[-1], *intervals[:-1]):
            for batch in sample.batches:
                if batch.batch_id == interval:
                    way.take(batch.feed, datetime.fromisoformat(interval), files=bool(batch.files))
            way.warehouse.built(*build)
        grown = {fact: rows(way, fact, key) for fact, key in facts.items()}
        assert all(grown.values())
        way.warehouse.built(*build, "--full-refresh")
        for fact, key in facts.items():
            made = rows(way, fact, key)
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


def rows(way: Way, fact: str, key: str) -> list[list[Any]]:
    """All rows of a fact in the order of their keys."""
    return way.warehouse.rows(f"select * from marts.{fact} order by {key}")
