"""The dbt project's house rules, checked on its manifest and its files. No database is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dbt_project.nodes import Node, folder

PROJECT = Path(__file__).parents[2] / "dbt_project"
DAGS = PROJECT.with_name("dags")


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
