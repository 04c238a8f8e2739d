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

SOURCES = ("bikeshare", "immigration", "movies", "taxi")
CALENDAR = "select count(*), min(date_day), max(date_day) from marts.dim_date"


def all_of(source: str) -> list[str]:
    """What a source's DAG builds, and of its tests those that read what sources share.

    Tests of the source's own tables meet no other source, and each source's file runs them.
    """
    own = f"source:{source}.*+"
    return [
        *("tag:shared", "no_missing_days_dim_date_date_day"),
        *(
            f"path:seeds/{source},resource_type:seed",
            f"{own},resource_type:model",
            f"{own},resource_type:snapshot",
        ),
        *(f"{own},dim_date+1,resource_type:test", f"{own},every_row_is_accounted_for_*"),
    ]


def target_folders(warehouse: Warehouse) -> list[str]:
    """A target folder per source with what was parsed, so that no two processes write to one."""
    folders = [warehouse.folder / f"side-{source}" for source in SOURCES]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        shutil.copy(warehouse.partial_parse(), folder)
    return [str(folder) for folder in folders]


@pytest.mark.timeout(1200)
def test_all_sources_build_at_once(
    empty_warehouse: Warehouse, manifest: Path, tmp_path: Path
) -> None:
    """As their DAGs do it, what is shared included; from nothing, and again over what is there."""
    warehouse = empty_warehouse
    for batch in generate(tmp_path, months=("2019-11",), trips=300).batches:
        stage(warehouse, manifest, batch, datetime(2026, 1, 1))
    folders = target_folders(warehouse)
    warehouse.execute("drop table if exists marts.dim_date")
    for _ in ("from nothing", "over what is there"):
        started = [
            warehouse.start_dbt(
                *("build", "--exclude-resource-type", "unit_test", "--target-path", folder),
                *("--indirect-selection", "empty", "--select", *all_of(source)),
            )
            for folder, source in zip(folders, SOURCES, strict=True)
        ]
        outputs = [process.communicate(timeout=500)[0] for process in started]
        assert [process.returncode for process in started] == [0] * 4, "\n".join(outputs)
        ((days, *_),) = warehouse.rows(CALENDAR)
        assert days == 38351
        found = warehouse.rows(
            "select table_name from information_schema.tables "
            "where table_schema = 'marts' and table_name like 'fct%' order by 1"
        )
        facts = ["fct_arrivals", "fct_green_trips", "fct_ratings", "fct_tags", "fct_trips"]
        assert [name for (name,) in found] == facts


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
