"""Columns that come and go: what flows by itself, what stops, and with which words."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from elt_lib.contract_yaml import load_sources
from elt_lib.warehouse import ensure_table
from tests.dbt_project.staged_trips import MONTHS, Staging, Trip
from tests.dbt_project.warehouse import Warehouse

pytestmark = pytest.mark.slow

SEPTEMBER, OCTOBER = (f"{month:%Y%m%dT%H%M%S}" for month in MONTHS[:2])

PROBE = """
{{{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='probe_key',
    contract={{'enforced': false}}, pre_hook=[], persist_docs={{}}, meta={{}},
    on_schema_change='{on_schema_change}'
) }}}}
{{% if is_incremental() %}}
{second}
{{% else %}}
select 'a' as probe_key, 1 as n
{{% endif %}}
"""
PROBES = {
    "fct_null": "select 'b' as probe_key, 2 as n union all select cast(null as varchar(1)), 3",
    "fct_repeated": "select 'b' as probe_key, 2 as n union all select 'b', 3",
    "fct_shrinking": "select 'b' as probe_key",
}
# What somebody does to whom the publisher has announced a column: file, place, what is put there.
NEW_COLUMN = (
    (
        "staging/bikeshare/_bikeshare__sources.yml",
        "          - name: rideable_type\n",
        "          - name: promo_code\n            data_type: varchar(20)\n"
        "            description: Code of a promotion.\n"
        "            config: {meta: {optional: true}}\n",
    ),
    (
        "staging/bikeshare/stg_bikeshare__trips.sql",
        "        nullif(trim(gender), '') as gender,\n",
        "        promo_code,\n",
    ),
    (
        "marts/bikeshare/fct_trips.sql",
        "        rideable_type,\n        gender,\n",
        "        promo_code,\n",
    ),
    (
        "marts/bikeshare/fct_trips.yml",
        "      - name: gender\n",
        "      - name: promo_code\n        description: Code of a promotion.\n"
        "        data_type: varchar(20)\n",
    ),
)


@pytest.fixture(scope="module")
def changed(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The same warehouse with a copy of the project that has a column more, and the probes."""
    folder = tmp_path_factory.mktemp("changed")
    source, project = Path(warehouse.environment["DBT_PROJECT_DIR"]), folder / "project"
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and relative.parts[0] not in {"target", "logs"}:
            (project / relative).parent.mkdir(parents=True, exist_ok=True)
            (project / relative).write_bytes(path.read_bytes())
    for name, place, addition in NEW_COLUMN:
        file = project / "models" / name
        text = file.read_text(encoding="utf-8")
        assert place in text, name
        file.write_text(text.replace(place, addition + place, 1), encoding="utf-8")
    for name, second in PROBES.items():
        change = "sync_all_columns" if name == "fct_shrinking" else "fail"
        probe = PROBE.format(second=second, on_schema_change=change)
        (project / "models" / "marts" / "bikeshare" / f"{name}.sql").write_text(probe)
    own = {
        "DBT_PROJECT_DIR": str(project),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_WRITE_JSON": "true",  # its manifest is read below
    }
    return replace(warehouse, environment=warehouse.environment | own, parsed=None)


def test_an_increment_with_a_null_or_repeated_key_changes_nothing(
    empty_warehouse: Warehouse, changed: Warehouse
) -> None:
    changed.built("run", "--select", "fct_null", "fct_repeated")
    result = changed.dbt("run", "--select", "fct_null", "fct_repeated")
    said = {done.node.name: done.message for done in result.result.results}
    assert "the increment has 1 rows whose probe_key is NULL and 0 rows that" in said["fct_null"]
    assert "0 rows whose probe_key is NULL and 1 rows that repeat" in said["fct_repeated"]
    assert changed.rows("select probe_key, n from marts.fct_null") == [["a", 1]]
    assert changed.rows("select probe_key, n from marts.fct_repeated") == [["a", 1]]


def test_a_column_is_dropped_only_by_somebody_who_says_so(
    empty_warehouse: Warehouse, changed: Warehouse
) -> None:
    run = ("run", "--select", "fct_shrinking")
    changed.built(*run)
    result = changed.dbt(*run)
    (done,) = result.result.results
    assert "was not changed: its columns n are no longer in the model" in done.message
    assert "--vars '{allow_column_drop: true}'" in done.message
    assert changed.rows("select probe_key, n from marts.fct_shrinking") == [["a", 1]]
    changed.built(*run, "--vars", "{allow_column_drop: true}")
    assert changed.rows("select * from marts.fct_shrinking order by 1") == [["a"], ["b"]]


def test_a_new_optional_column_flows_to_the_fact_by_itself(
    staging: Staging, changed: Warehouse
) -> None:
    run = ("run", "--select", "stg_bikeshare__trips", "fct_trips")
    staging.load(SEPTEMBER, [Trip("before", datetime(2019, 9, 5))])
    staging.warehouse.built(*run)

    changed.built("parse")
    manifest = Path(changed.environment["DBT_TARGET_PATH"]) / "manifest.json"
    feeds = {feed.name: feed for feed in load_sources(manifest)["bikeshare"].feeds}
    with contextlib.closing(changed.connect()) as connection:
        ensure_table(connection, feeds["trips"])  # what every load begins with
    staging.load(OCTOBER, [Trip("after", datetime(2019, 10, 5))])
    changed.execute(
        f"update staging.bikeshare__trips set promo_code = 'TEN' where _batch_id = '{OCTOBER}'"
    )
    changed.built(*run)
    question = "select trip_id, promo_code from marts.fct_trips order by 1"
    incremental = changed.rows(question)
    assert incremental == [["after", "TEN"], ["before", None]]
    changed.built(*run, "--full-refresh")
    assert changed.rows(question) == incremental
    # Back to the project as it is: the column stays where it is, and nothing fails.
    changed.execute("alter table staging.bikeshare__trips drop column promo_code cascade")
    staging.warehouse.built("run", "--full-refresh", "--select", *run[2:])
