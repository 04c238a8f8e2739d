"""House rules on keys, and on what a fact is held against: checked on the manifest."""

from __future__ import annotations

import pytest

from tests.dbt_project.nodes import Node, folder


@pytest.fixture(scope="module")
def tests_of_columns(graph: Node) -> dict[tuple[str, str], list[Node]]:
    found: dict[tuple[str, str], list[Node]] = {}
    for node in graph["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node"):
            key = (node["attached_node"].split(".")[-1], node["column_name"] or "")
            found.setdefault(key, []).append(node)
    return found


def names_of(tests: list[Node]) -> set[str]:
    return {test["test_metadata"]["name"] for test in tests}


def key_of(model: Node) -> str:
    """The key stands first; dimensions and facts share the ending ``_key``."""
    return str(next(iter(model["columns"])))


def test_keys_come_first_and_are_unique_and_not_null(
    models: dict[str, Node], tests_of_columns: dict[tuple[str, str], list[Node]]
) -> None:
    for name, model in models.items():
        if folder(model) == "staging":
            continue
        key = key_of(model)
        assert key.endswith("_key") or name == "dim_date", name
        assert {"unique", "not_null"} <= names_of(tests_of_columns.get((name, key), [])), name
        constraints = model["columns"][key]["constraints"]
        assert [constraint["type"] for constraint in constraints] == ["not_null"], name


def foreign_keys(model: Node) -> set[str]:
    """Columns whose name says that they lead to another table: ``…_key``; in facts, days too."""
    days = () if model["name"].startswith("dim_") else ("_on", "_month")
    return {
        name
        for name, column in model["columns"].items()
        if name != key_of(model)
        and (name.endswith("_key") or (name.endswith(days) and column["data_type"] == "date"))
    }


def test_foreign_keys_are_never_null_and_lead_somewhere(
    models: dict[str, Node], tests_of_columns: dict[tuple[str, str], list[Node]]
) -> None:
    checked = set()
    for name, model in models.items():
        if folder(model) != "marts":
            continue
        for column in foreign_keys(model):
            tests = names_of(tests_of_columns.get((name, column), []))
            missing = {"relationships", "not_null"} - tests
            assert not missing, f"{name}.{column} lacks {sorted(missing)}"
            checked.add(name)
    facts = {name for name in models if name.startswith(("fct_", "bridge_"))}
    assert facts <= checked, "a fact without a foreign key"


GENERIC = {"unique", "not_null", "relationships", "accepted_values", "accepted_range"}
"""Tests that look at one column at a time."""


def test_every_fact_has_a_business_identity(graph: Node, models: dict[str, Node]) -> None:
    """Something that must hold between the fact and what it is made of, or within a row."""
    holds: dict[str, set[str]] = {}
    for node in graph["nodes"].values():
        if node["resource_type"] != "test" or node["config"]["severity"].lower() != "error":
            continue
        if (node.get("test_metadata") or {}).get("name") in GENERIC:
            continue
        for parent in node["depends_on"]["nodes"]:
            holds.setdefault(parent.split(".")[-1], set()).add(node["name"])
    for name in models:
        if name.startswith("fct_"):
            assert holds.get(name), f"{name}: no singular test says what must add up"


def test_foreign_keys_are_checked_where_the_fact_is_built(graph: Node) -> None:
    """One dbt process builds one model: a test runs there only if its tables came before."""
    parents = graph["parent_map"]

    def ancestors(node: str) -> set[str]:
        above = set(parents.get(node, []))
        return above.union(*(ancestors(parent) for parent in above)) if above else above

    for node in graph["nodes"].values():
        if node["resource_type"] != "test":
            continue
        needed = {parent for parent in node["depends_on"]["nodes"] if parent.startswith("model.")}
        assert not needed or any(needed <= ancestors(parent) | {parent} for parent in needed), node[
            "name"
        ]


def test_incremental_models_merge_as_the_project_does(models: dict[str, Node]) -> None:
    facts = {n: m for n, m in models.items() if m["config"]["materialized"] == "incremental"}
    assert "fct_trips" in facts
    for model in facts.values():
        config = model["config"]
        assert config["incremental_strategy"] == "delete+insert"
        assert config["unique_key"] in model["columns"]
        assert config["on_schema_change"] in {"append_new_columns", "fail"}
        assert config["meta"]["delete_window_on"] in config["sort"]
        staged = config["meta"]["batches_of"]
        staged = [staged] if isinstance(staged, str) else staged
        assert {f"model.starlift.{name}" for name in staged} <= set(model["depends_on"]["nodes"])
        hooks = [(hook["sql"], hook["transaction"]) for hook in config["pre-hook"]]
        assert hooks == [("{{ take_merge_lock() }}", True)]
        assert {"_batch_id", "_loaded_at"} <= model["columns"].keys()
