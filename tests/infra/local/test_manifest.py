"""Building the manifest: what breaks the contract replaces nothing, Cosmos is spared a parse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.local import manifest
from infra.local.config import Config
from infra.local.errors import StackError

SOURCES = {
    "a": {"source_name": "shop", "config": {"meta": {"files": {}}}},
    "b": {"source_name": "ops", "config": {"meta": {}}},
}


class Tools:
    """Stands in for dbt and for the contract's check."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.broken = False

    def __call__(self, _config: Config, module: str, *arguments: str) -> str:
        self.calls.append(module)
        if module == "dbt.cli.main":
            folder = Path(arguments[arguments.index("--target-path") + 1])
            (folder / "manifest.json").write_text(json.dumps({"sources": SOURCES}))
            (folder / "partial_parse.msgpack").write_bytes(b"parsed")
        elif self.broken:
            raise StackError("the contract is broken")
        return ""


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    stand_in = Tools()
    monkeypatch.setattr(manifest, "run_module", stand_in)
    return stand_in


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.load({"STARLIFT_STATE": str(tmp_path)})


def test_it_is_built_once_for_the_same_inputs(config: Config, tools: Tools) -> None:
    assert manifest.build(config)
    assert not manifest.build(config)
    assert tools.calls == ["dbt.cli.main", "elt_lib"]
    assert json.loads(config.manifest.read_text()) == {"sources": SOURCES}


def test_cosmos_finds_the_parse_of_each_source_and_of_no_other(
    config: Config, tools: Tools
) -> None:
    manifest.build(config)
    cached = sorted(
        str(path.relative_to(config.airflow_home / "cosmos"))
        for path in (config.airflow_home / "cosmos").rglob("*.*")
    )
    assert cached == [
        "shop__transform/target/manifest.json",
        "shop__transform/target/partial_parse.msgpack",
    ]


def test_a_broken_contract_replaces_nothing(config: Config, tools: Tools) -> None:
    config.manifest.parent.mkdir(parents=True)
    config.manifest.write_text("the one before")
    tools.broken = True
    with pytest.raises(StackError, match="the contract is broken"):
        manifest.build(config)
    assert config.manifest.read_text() == "the one before"
