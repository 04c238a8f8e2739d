"""Random batches through the fact's own merge, held against a model of a few lines."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt_project.merging import Merge
from tests.dbt_project.staged_trips import MONTHS
from tests.dbt_project.warehouse import Warehouse, insert, inside

pytestmark = pytest.mark.slow

BATCHES = tuple(f"{month:%Y%m%dT%H%M%S}" for month in MONTHS[:4])
OWN, YEARS = "own", 40
# (trip or none, file, days after the start, minutes): few values, so that they often meet. All
# starts lie within the window in which the merge promises to find older versions; those of a trip
# that stands in one batch alone may move by years.
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", OWN, None]),
        st.integers(0, 1),
        st.integers(0, 55),
        st.integers(-2, 3),
    ),
    max_size=6,
)
# What comes after a load: nothing, a merge, or a merge after an accident.
ACCIDENTS = {
    "merge": None,
    "forgets": "delete from ops.merged__fct_trips",
    "emptied": "delete from marts.fct_trips",
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(BATCHES),
        st.one_of(st.none(), ROWS),
        st.sampled_from(["nothing", "nothing", "merge", *ACCIDENTS]),
    ),
    min_size=1,
    max_size=7,
)
Version = tuple[str, str, datetime, datetime, datetime]


@pytest.fixture(scope="module")
def merge(warehouse: Warehouse) -> Merge:
    """The merge as dbt sends it for a second batch beside a first."""
    clear(warehouse, "drop schema if exists marts cascade", "create schema marts")
    load(warehouse, BATCHES[0], [("a", 0, 0, 1)], 1)
    warehouse.built("run", "--select", "fct_trips")
    load(warehouse, BATCHES[1], [("b", 0, 0, 1)], 2)
    return Merge.recorded(warehouse, "fct_trips")


def clear(warehouse: Warehouse, *more: str) -> None:
    tables = ("staging.bikeshare__trips", "ops.load_ledger", "ops.load_rejects")
    warehouse.execute(*(f"delete from {table}" for table in tables), *more)


def load(warehouse: Warehouse, batch: str, rows: list[Any] | None, number: int) -> list[Version]:
    """Replace a batch, or withdraw it; returns what it holds, NULL keys left out."""
    loaded_at = datetime(2026, 1, 1) + timedelta(seconds=number)
    staged = []
    for trip, file, days, minutes in rows or ():
        started_at = MONTHS[0] + timedelta(days=days * YEARS if trip == OWN else days)
        staged.append(
            {
                "trip_id": f"{OWN} {batch}" if trip == OWN else trip,
                "started_at": started_at,
                "ended_at": started_at + timedelta(minutes=minutes),
                "_batch_id": batch,
                "_source_file": f"s3://lake/{file}.csv",
                "_loaded_at": loaded_at,
            }
        )
    ledger = {
        "source": "bikeshare",
        "feed": "trips",
        "batch_id": batch,
        "status": "loaded",
        "data_loaded_at": loaded_at,
    }
    with contextlib.closing(warehouse.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("delete from staging.bikeshare__trips where _batch_id = %s", (batch,))
        cursor.execute("delete from ops.load_ledger where batch_id = %s", (batch,))
        insert(cursor, "staging.bikeshare__trips", staged)
        insert(cursor, "ops.load_ledger", [ledger] if rows is not None else [])
        connection.commit()
    names = ("_batch_id", "_source_file", "started_at", "ended_at", "_loaded_at")
    return [(row["trip_id"], *(row[name] for name in names)) for row in staged if row["trip_id"]]


def latest(staged: dict[str, list[Any]]) -> list[Any]:
    """The model: of all versions of a trip the last, by batch, file, start and end."""
    versions = sorted((row for rows in staged.values() for row in rows), key=lambda row: row[1:])
    return sorted({row[0]: row for row in versions}.values())


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_a_fact_holds_the_last_version_of_each_trip_once(
    merge: Merge, warehouse: Warehouse, steps: list[Any]
) -> None:
    clear(warehouse, "delete from marts.fct_trips")
    staged: dict[str, list[Any]] = {}
    for number, (batch, rows, then) in enumerate(steps):
        staged[batch] = load(warehouse, batch, rows, number)
        if then != "nothing" or number == len(steps) - 1:
            if accident := ACCIDENTS.get(then):
                warehouse.execute(accident)
            merge.run()
            found = warehouse.rows(
                "select trip_id, _batch_id, _source_file, started_at, ended_at, _loaded_at "
                "from marts.fct_trips"
            )
            assert sorted(map(tuple, found)) == latest(staged)


def test_the_recorded_merge_is_dbts(merge: Merge, warehouse: Warehouse) -> None:
    """After the recorded statements have run, dbt itself has nothing to change."""
    clear(warehouse, "delete from marts.fct_trips")
    for number, batch in enumerate(BATCHES):
        load(warehouse, batch, [("a", 0, number, 1), (batch, 1, 9, 2), (None, 0, 0, 0)], number)
        merge.run()
    before = warehouse.rows("select * from marts.fct_trips order by trip_id")
    assert len(before) == len(BATCHES) + 1
    warehouse.built("run", "--select", "fct_trips")
    assert warehouse.rows("select * from marts.fct_trips order by trip_id") == before


def test_only_trips_of_changed_batches_are_written(merge: Merge, warehouse: Warehouse) -> None:
    clear(warehouse, "delete from marts.fct_trips")
    load(warehouse, BATCHES[0], [("a", 0, 0, 1), ("b", 0, 1, 1)], 1)
    load(warehouse, BATCHES[1], [("c", 0, 2, 1)], 2)
    merge.run()
    marks = "select trip_id, xmin::text from marts.fct_trips order by 1"
    before = inside(warehouse, marks)
    merge.run()
    assert inside(warehouse, marks) == before
    load(warehouse, BATCHES[1], [("c", 0, 3, 1), ("b", 0, 2, 1)], 3)
    merge.run()
    after = inside(warehouse, marks)
    assert [new == old for new, old in zip(after, before, strict=True)] == [True, False, False]


def test_the_plan_of_the_delete_shows_the_window(merge: Merge, warehouse: Warehouse) -> None:
    clear(warehouse, "delete from marts.fct_trips")
    load(warehouse, BATCHES[0], [("a", 0, 10, 1), ("b", 0, 20, 1)], 1)
    merge.run()
    load(warehouse, BATCHES[0], [("a", 0, 10, 1), ("b", 0, 20, 2)], 2)
    withdrawn, by_key = merge.run(explain=True)
    for plan in (withdrawn, by_key):
        assert "started_at >= '2019-07-11 00:00:00'" in plan
        assert "started_at <= '2019-11-23 00:00:00'" in plan
