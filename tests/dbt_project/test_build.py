"""`dbt build` on generated data: every test passes, and the answers are the ones known before."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from infra.local.samples.bikeshare import Traffic, generate
from infra.local.samples.bikeshare_stations import LISTED, STATIONS
from infra.local.samples.sample import Sample
from tests.dbt_project.full_refresh import assert_equal_to_full_refresh
from tests.dbt_project.raw_files import stage
from tests.dbt_project.warehouse import Warehouse

pytestmark = pytest.mark.slow

SELECTED = ("--indirect-selection", "buildable", "--select", "source:bikeshare.*+", "tag:shared")
ACCOUNTED_FOR = "every_row_is_accounted_for_ops_bikeshare_rows_bikeshare"
LOADED_AT = datetime(2026, 1, 1)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return generate(tmp_path_factory.mktemp("sample"), trips=3000)


@pytest.fixture(scope="module")
def built(warehouse: Warehouse, manifest: Path, sample: Sample) -> Warehouse:
    """The sample's batches loaded, latest first, one build between two of them and one after."""
    warehouse.execute(
        "delete from staging.bikeshare__trips",
        "delete from staging.bikeshare__stations",
        "delete from ops.load_ledger",
        "delete from ops.load_rejects",
        "drop schema if exists marts cascade",
        "create schema marts",
    )
    *early, last = sample.of_feed("trips")
    for batch in (*sample.of_feed("stations"), last):
        stage(warehouse, manifest, batch, LOADED_AT)
    warehouse.built("build", *SELECTED)
    for batch in early:
        stage(warehouse, manifest, batch, LOADED_AT)
    warehouse.built("build", "--exclude-resource-type", "unit_test", *SELECTED)
    return warehouse


def test_every_row_is_where_the_generator_says(built: Warehouse, sample: Sample) -> None:
    found = built.rows(
        "select feed, batch_id, status, raw_rows, rejected_rows, loaded_rows, staged_rows, "
        "repeated_rows, superseded_rows, fact_rows from ops.row_accounting "
        "where source = 'bikeshare' order by 1, 2"
    )
    expected = []
    for batch in sorted(sample.batches, key=lambda batch: (batch.feed, batch.batch_id)):
        counts = [batch.raw_rows, batch.rejected_rows, batch.loaded_rows, batch.loaded_rows]
        fate = [batch.repeated, batch.superseded, batch.fact_rows]
        status = "loaded" if batch.files else "no_data"
        of_fact = fate if batch.feed == "trips" else [None, None, None]
        expected.append([batch.feed, batch.batch_id, status, *counts, *of_fact])
    assert found == expected


def test_traffic_is_what_the_generator_counted(built: Warehouse, sample: Sample) -> None:
    found = built.rows(
        "select station_name, sum(departures), sum(arrivals) from marts.agg_station_traffic "
        "group by station_name"
    )
    traffic = {
        "" if name == "No station" else name: Traffic(int(departures), int(arrivals))
        for name, departures, arrivals in found
    }
    assert traffic == sample.answers


def test_a_station_is_one_row_whatever_marks_its_name_had(built: Warehouse, sample: Sample) -> None:
    found = built.rows(
        "select station_name, location_source, dock_count is not null, station_id_count "
        "from marts.dim_station"
    )
    assert len(found) == STATIONS + 1
    assert {name for name, *_ in found} - {"No station"} == sample.answers.keys() - {""}
    assert not [name for name, *_ in found if "(" in name or "&amp;" in name]
    listed = [name for name, source, docks, _ in found if source == "station list" and docks]
    assert len(listed) == LISTED
    assert {ids for name, _, _, ids in found if name != "No station"} == {1}


def test_trips_that_end_before_they_start_are_kept_and_flagged(
    built: Warehouse, sample: Sample
) -> None:
    found = built.rows(
        "select _batch_id, count(*) from marts.fct_trips where is_ended_before_start "
        "group by _batch_id order by 1"
    )
    assert found == [
        [b.batch_id, b.flagged["is_ended_before_start"]] for b in sample.of_feed("trips")
    ]
    result = built.dbt("test", "--select", "assert_trip_ends_after_it_starts")
    assert result.success
    assert [done.status for done in result.result.results] == ["warn"]


def test_the_calendar_covers_its_range(built: Warehouse) -> None:
    found = built.rows("select min(date_day), max(date_day), count(*) from marts.dim_date")
    assert found == [[date(1995, 1, 1), date(2099, 12, 31), 38351]]


def test_descriptions_reach_the_warehouse(built: Warehouse) -> None:
    found = built.rows(
        "select count(*) from pg_description as said "
        "join pg_class on said.objoid = pg_class.oid "
        "join pg_namespace on pg_class.relnamespace = pg_namespace.oid "
        "where nspname = 'marts' and relname = 'fct_trips'"
    )
    columns = built.rows(
        "select count(*) from information_schema.columns "
        "where table_schema = 'marts' and table_name = 'fct_trips'"
    )
    assert found[0][0] == columns[0][0] + 1


def test_the_facts_equal_their_full_refresh(built: Warehouse, manifest: Path) -> None:
    assert_equal_to_full_refresh(built, manifest, "bikeshare")


@pytest.mark.parametrize(
    ("test", "damage"),
    [
        (
            ACCOUNTED_FOR,
            "update ops.load_ledger set rejected_rows = rejected_rows + 1",
        ),
        (
            ACCOUNTED_FOR,
            "delete from ops.load_ledger where feed = 'stations'",
        ),
        (
            ACCOUNTED_FOR,
            "update ops.ops_bikeshare_rows set superseded_rows = superseded_rows + 1 "
            "where feed = 'trips'",
        ),
        (
            "assert_traffic_counts_every_trip",
            "update marts.agg_station_traffic set arrivals = arrivals + 1",
        ),
        (
            "assert_every_staged_trip_is_in_the_fact",
            "delete from marts.fct_trips where is_ended_before_start",
        ),
        ("no_missing_days_dim_date_date_day", "delete from marts.dim_date where day_of_month = 31"),
        (
            "accepted_range_dim_station_41__43__latitude",
            "update marts.dim_station set latitude = 43.000001 where latitude is not null",
        ),
        (
            "accepted_range_agg_station_traffic_0__departures",
            "update marts.agg_station_traffic set departures = -1",
        ),
    ],
)
def test_the_projects_own_tests_find_damage(built: Warehouse, test: str, damage: str) -> None:
    table = damage.split()[1 if damage.startswith("update") else 2]
    copy = f"{table.split('.')[0]}.undamaged"
    built.execute(f"create table {copy} as select * from {table}", damage)
    try:
        result = built.dbt("test", "--select", test)
        assert [done.status for done in result.result.results] in (["fail"], ["warn"])
    finally:
        built.execute(
            f"delete from {table}",
            f"insert into {table} select * from {copy}",
            f"drop table {copy}",
        )
