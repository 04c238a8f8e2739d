"""DAGs of several sources build their models at once: no clash over what they share."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from infra.local.samples.bikeshare import generate
from tests.dbt_project.raw_files import stage
from tests.dbt_project.warehouse import Warehouse, inside

pytestmark = pytest.mark.slow

ROUNDS = 3
CALENDAR = "select count(*), min(date_day), max(date_day) from marts.dim_date"


def target_folders(warehouse: Warehouse) -> list[str]:
    """Two target folders with what was parsed, so that two processes don't write to one."""
    folders = [warehouse.folder / f"side-{n}" for n in (1, 2)]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        parsed = Path(warehouse.environment["DBT_TARGET_PATH"]) / "partial_parse.msgpack"
        shutil.copy(parsed, folder)
    return [str(folder) for folder in folders]


def test_two_sources_build_at_once(
    empty_warehouse: Warehouse, manifest: Path, tmp_path: Path
) -> None:
    """As two DAGs do it, what is shared included; from nothing, and again over what is there."""
    warehouse = empty_warehouse
    for batch in generate(tmp_path, months=("2019-11",), trips=300).batches:
        stage(warehouse, manifest, batch, datetime(2026, 1, 1))
    warehouse.built("parse")
    folders = target_folders(warehouse)
    for turn in range(ROUNDS):
        if turn < ROUNDS - 1:
            warehouse.execute("drop schema marts cascade", "create schema marts")
            warehouse.execute("drop table if exists ops.lock__dim_date")
        both = [
            warehouse.start_dbt(
                *("build", "--exclude-resource-type", "unit_test", "--target-path", folder),
                *("--indirect-selection", "buildable", "--select", selected, "tag:shared"),
            )
            for folder, selected in zip(folders, ["source:bikeshare.*+", "tag:shared"], strict=True)
        ]
        outputs = [process.communicate(timeout=120)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], "\n".join(outputs)
        ((days, *_),) = warehouse.rows(CALENDAR)
        assert days == 38351


def test_the_calendar_is_only_written_where_it_differs(empty_warehouse: Warehouse) -> None:
    build = ("run", "--select", "dim_date")
    empty_warehouse.built(*build)
    versions = "select max(xmin::text::bigint) from marts.dim_date"
    before = empty_warehouse.rows(CALENDAR)
    empty_warehouse.execute(
        "update marts.dim_date set day_name = 'Nonday' where date_day = '2020-02-29'",
        "delete from marts.dim_date where date_day = '2020-03-01'",
        "insert into marts.dim_date (date_day) values ('1999-01-01')",
    )
    empty_warehouse.built(*build)
    assert empty_warehouse.rows(CALENDAR) == before
    name = "select day_name from marts.dim_date where date_day = '2020-02-29'"
    assert empty_warehouse.rows(name) == [["Saturday"]]
    kept = inside(empty_warehouse, versions)
    empty_warehouse.built(*build)
    assert inside(empty_warehouse, versions) == kept


def test_a_calendar_of_other_columns_is_made_anew(empty_warehouse: Warehouse) -> None:
    empty_warehouse.execute("create table marts.dim_date (date_day date, was_a_holiday boolean)")
    empty_warehouse.built("run", "--select", "dim_date")
    ((days, *_),) = empty_warehouse.rows(CALENDAR)
    assert days == 38351
    empty_warehouse.execute("update marts.dim_date set is_weekend = true")
    empty_warehouse.built("run", "--full-refresh", "--select", "dim_date")
    found = empty_warehouse.rows("select count(*) from marts.dim_date where not is_weekend")
    assert found == [[27394]]  # Mondays to Fridays
