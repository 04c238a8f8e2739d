"""The dbt project's house rules, checked on its manifest and its files. No database is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2] / "dbt_project"
DAGS = PROJECT.with_name("dags")
Node = dict[str, Any]


@pytest.fixture(scope="module")
def graph(manifest: Path) -> Node:
    content: Node = json.loads(manifest.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def models(graph: Node) -> dict[str, Node]:
    nodes = graph["nodes"].values()
    return {node["name"]: node for node in nodes if node["resource_type"] == "model"}


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


def folder(model: Node, depth: int = 1) -> str:
    return "/".join(model["original_file_path"].split("/")[1 : 1 + depth])


@pytest.fixture(scope="module")
def sources(graph: Node) -> dict[str, set[str]]:
    """The feeds by source, as the contract declares them, of the sources that have a DAG."""
    found: dict[str, set[str]] = {}
    for table in graph["sources"].values():
        if (DAGS / f"{table['source_name']}.py").exists():
            found.setdefault(table["source_name"], set()).add(table["name"])
    others = {"janitor", "movies_athena"}  # a DAG that watches, and one that only asks the lake
    assert set(found) == {path.stem for path in DAGS.glob("*.py")} - others
    return found


def test_every_source_has_staging_marts_and_accounting(
    sources: dict[str, set[str]], models: dict[str, Node]
) -> None:
    assert "bikeshare" in sources
    places = {(folder(model, 2), name) for name, model in models.items()}
    for source in sources:
        marts = {name for place, name in places if place == f"marts/{source}"}
        assert any(name.startswith("fct_") for name in marts), source
        assert f"ops_{source}_rows" in models


def test_the_accounting_of_a_source_names_every_feed(
    sources: dict[str, set[str]], models: dict[str, Node], graph: Node
) -> None:
    for source, feeds in sources.items():
        model = models[f"ops_{source}_rows"]
        named = re.findall(r"feed_rows\(\s*'(\w+)',\s*'(\w+)'", model["raw_code"])
        assert sorted(named) == sorted((source, feed) for feed in feeds)
        (test,) = (
            node
            for node in graph["nodes"].values()
            if node.get("attached_node") == model["unique_id"]
            and node["test_metadata"]["name"] == "every_row_is_accounted_for"
        )
        assert test["test_metadata"]["kwargs"]["of_source"] == source
        assert test["config"]["severity"].lower() == "error"


def test_only_marts_are_public_and_every_model_has_an_owner(models: dict[str, Node]) -> None:
    for name, model in models.items():
        place = folder(model, 2).split("/")
        assert model["access"] == ("public" if place[0] == "marts" else "protected"), name
        assert model["group"] == ("ops" if place[0] == "ops" else place[1]), name


def test_everything_is_described(graph: Node) -> None:
    tables = [*graph["sources"].values(), *graph["nodes"].values()]
    missing = []
    for table in tables:
        if table["resource_type"] not in {"model", "source", "seed", "snapshot"}:
            continue
        if not table["description"].strip():
            missing.append(table["unique_id"])
        missing += [
            f"{table['unique_id']}.{column['name']}"
            for column in table["columns"].values()
            if not column["description"].strip()
        ]
    assert missing == []
    assert all(source["source_description"].strip() for source in graph["sources"].values())


def test_models_say_their_grain_at_the_end_of_the_description(models: dict[str, Node]) -> None:
    silent = [
        name
        for name, model in models.items()
        if not re.search(r"Grain: one row per [^.]+\.$", model["description"].strip())
    ]
    assert silent == []


def test_facts_and_dimensions_say_their_grain_in_their_first_line(models: dict[str, Node]) -> None:
    for name, model in models.items():
        lines = model["raw_code"].splitlines()
        if folder(model) in {"marts", "ops"}:
            assert lines[0].startswith("-- Grain: one row per "), name
        if name.startswith("fct_"):
            assert lines[1].startswith("-- Not additive: "), name


def test_each_model_has_one_yml_of_its_name(models: dict[str, Node]) -> None:
    sql = {path.with_suffix("") for path in (PROJECT / "models").rglob("*.sql")}
    yml = {
        path.with_suffix("")
        for path in (PROJECT / "models").rglob("*.yml")
        if not path.name.startswith("_")
    }
    assert sql == yml
    for name, model in models.items():
        assert model["patch_path"].endswith(f"/{name}.yml")


def test_names_follow_the_folder(models: dict[str, Node]) -> None:
    for name, model in models.items():
        where = folder(model)
        if where == "staging":
            source = folder(model, 2).split("/")[1]
            assert re.fullmatch(rf"stg_{source}__[a-z_]+", name)
        elif where == "marts":
            assert re.match(r"(dim|fct|agg|bridge)_", name)
        else:
            assert (where, name[:4]) == ("ops", "ops_")


def test_only_staging_reads_sources(graph: Node, models: dict[str, Node]) -> None:
    for name, model in models.items():
        read = [node for node in model["depends_on"]["nodes"] if node.startswith("source.")]
        if folder(model) == "staging":
            source, feed = name.removeprefix("stg_").split("__")
            declared = f"source.starlift.{source}.{feed}"
            replaces = graph["sources"][declared]["config"]["meta"].get("batches") == "replace"
            ledger = ["source.starlift.ops.load_ledger"] if replaces else []
            assert sorted(read) == sorted([declared, *ledger])
            latest = f"{{{{ latest_batch('{source}', '{feed}') }}}}"
            assert (latest in model["raw_code"]) == replaces, name
        elif folder(model) == "ops":
            source = name.removeprefix("ops_").removesuffix("_rows")
            assert all(node.startswith(f"source.starlift.{source}.") for node in read), name
        else:
            assert read == [], name
    feeds = {
        f"stg_{source['source_name']}__{source['name']}"
        for source in graph["sources"].values()
        if "files" in source["config"]["meta"]
    }
    assert feeds == {name for name in models if name.startswith("stg_")}


def test_marts_and_ops_have_enforced_contracts(models: dict[str, Node]) -> None:
    for name, model in models.items():
        config = model["config"]
        if folder(model) == "staging":
            assert (config["materialized"], config["bind"]) == ("view", False), name
        else:
            assert config["contract"]["enforced"], name
            assert all(column["data_type"] for column in model["columns"].values()), name
        assert config["persist_docs"] == {"relation": True, "columns": True}, name
        assert config["grants"] == {}, name
        assert model["schema"] == folder(model), name


def test_every_dag_finds_its_models_by_tag_or_by_feed(models: dict[str, Node]) -> None:
    shared = [name for name, model in models.items() if "shared" in model["tags"]]
    assert shared == ["dim_date"]
    for name, model in models.items():
        if folder(model) in {"staging", "marts"} and name != "dim_date":
            assert model["tags"] == [folder(model, 2).split("/")[1]], name


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


LOGIC = re.compile(r"\bcase\b|\bover \(|\bgroup by\b|\bjoin\b|\bunion\b|\bwhere\b", re.IGNORECASE)


def test_models_with_logic_have_unit_tests(graph: Node, models: dict[str, Node]) -> None:
    tested = {test["model"] for test in graph["unit_tests"].values()}
    untested = [
        name
        for name, model in models.items()
        if name not in tested and LOGIC.search(re.sub(r"--.*|{#.*?#}", "", model["raw_code"]))
    ]
    assert untested == []


def test_a_warning_is_explained_where_it_is_set() -> None:
    unexplained = []
    for path in (*PROJECT.rglob("*.yml"), *PROJECT.rglob("*.sql")):
        lines = path.read_text(encoding="utf-8").splitlines()
        unexplained += [
            f"{path.name}:{at + 1}"
            for at, line in enumerate(lines)
            if re.search(r"severity\W+warn", line) and not re.match(r"\s*(#|--)", lines[at - 1])
        ]
    assert unexplained == []


def test_singular_tests_are_sentences_that_say_what_a_row_means() -> None:
    tests = sorted((PROJECT / "data-tests").rglob("*.sql"))
    assert tests
    for path in tests:
        assert path.stem.startswith("assert_")
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("-- A returned row "), path.name


def test_sql_is_plain() -> None:
    for path in (PROJECT / "models").rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        assert "select distinct" not in text, path.name
        assert "{% for" not in text, path.name
        assert "run_query" not in text, path.name
        assert text.rstrip().endswith("select * from final"), path.name
        assert len(text.splitlines()) <= 180, path.name


def test_every_mart_has_its_line_on_the_front_page(graph: Node, models: dict[str, Node]) -> None:
    page = graph["docs"]["doc.starlift.__overview__"]["block_contents"]
    marts = [f"marts.{name}" for name, model in models.items() if folder(model) == "marts"]
    ops = [f"ops.{s['name']}" for s in graph["sources"].values() if s["source_name"] == "ops"]
    assert [name for name in (*marts, *ops) if f"`{name}`" not in page] == []


def test_the_front_page_s_links_lead_to_pages(graph: Node) -> None:
    page = graph["docs"]["doc.starlift.__overview__"]["block_contents"]
    links = re.findall(r"\[`[\w.]+`\]\(#!/(\w+)/([\w.]+)\)", page)
    assert len(links) > 25
    pages = {(n["resource_type"], key) for key, n in {**graph["nodes"], **graph["sources"]}.items()}
    assert [link for link in links if link not in pages] == []


def test_the_front_page_tells_the_limits_of_freshness(graph: Node) -> None:
    page = graph["docs"]["doc.starlift.__overview__"]["block_contents"]
    told = re.findall(r"\| (\d+) days \| (\d+) days \|", page)
    declared = [
        tuple(str(limits[after]["count"]) for after in ("warn_after", "error_after"))
        for source in graph["sources"].values()
        if (limits := source["freshness"]) and limits["warn_after"]["count"]
    ]
    assert len(declared) == 3
    assert sorted(told) == sorted(declared)


def test_every_source_has_a_question_with_its_sql(
    graph: Node, sources: dict[str, set[str]]
) -> None:
    asked = set()
    for exposure in graph["exposures"].values():
        parents = exposure["depends_on"]["nodes"]
        assert parents and all(parent.startswith("model.") for parent in parents)
        (analysis,) = re.findall(r"`analyses/(\w+\.sql)`", exposure["description"])
        sql = (PROJECT / "analyses" / analysis).read_text(encoding="utf-8")
        assert sql.startswith("-- "), analysis
        used = set(re.findall(r"ref\('(\w+)'\)", sql))
        assert used and used <= {parent.split(".")[-1] for parent in parents}, exposure["name"]
        asked.add(exposure["original_file_path"].split("/")[2])
    assert asked >= set(sources)


def test_nothing_comes_from_a_hub_or_is_imported_by_dbt(graph: Node) -> None:
    assert not list(PROJECT.rglob("__init__.py"))
    assert not list(PROJECT.glob("packages.*")) and not list(PROJECT.glob("dependencies.*"))
    packages = {node["package_name"] for node in graph["nodes"].values()}
    assert packages == {"starlift"}


def test_names_fit_the_laptop_s_warehouse(graph: Node, models: dict[str, Node]) -> None:
    """PostgreSQL ends names at 63 bytes, and dbt adds up to 21 for its temporary tables."""
    names = [*models, *(test["name"] for test in graph["unit_tests"].values())]
    assert [name for name in names if len(name) > 63 - len("__dbt_tmp000000000000")] == []
