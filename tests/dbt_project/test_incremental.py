"""Whatever happens to batches, the incremental fact is what a full refresh would make of staging.

Against a real PostgreSQL behind the Redshift gateway, through dbt itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.dbt_project.staged_trips import MONTHS, Staging, Trip, change_at_random
from tests.dbt_project.warehouse import PROJECT, Warehouse, inside

pytestmark = pytest.mark.slow

RUN = ("run", "--select", "fct_trips")
SEPTEMBER, OCTOBER, NOVEMBER = (f"{month:%Y%m%dT%H%M%S}" for month in MONTHS[:3])


def assert_equals_full_refresh(staging: Staging, select: str) -> None:
    rows = staging.warehouse.rows
    columns = ", ".join(
        name
        for (name,) in rows(
            "select column_name from information_schema.columns where table_schema = 'marts' "
            "and table_name = 'fct_trips' order by ordinal_position"
        )
    )
    built = sorted(map(repr, rows(f"select {columns} from marts.fct_trips")))
    wanted = sorted(map(repr, rows(f"select {columns} from ({select}) as wanted")))
    assert built == wanted
    found = rows("select trip_id, _batch_id from marts.fct_trips")
    assert len(found) == len({trip_id for trip_id, _ in found})
    assert dict(found) == staging.winners()


def test_any_sequence_of_loads_equals_a_full_refresh(staging: Staging, full_refresh: str) -> None:
    """Through dbt itself; many more sequences go through its statements (test_merge)."""
    rng = random.Random(1)  # noqa: S311  (a test's sequence, no secret)
    for _ in range(4):
        for _ in range(rng.randrange(2, 6)):
            change_at_random(rng, staging)
        staging.warehouse.built(*RUN)
        assert_equals_full_refresh(staging, full_refresh)
    staging.warehouse.built(*RUN, "--full-refresh")
    assert_equals_full_refresh(staging, full_refresh)


def test_a_withdrawn_trip_leaves_and_an_older_version_comes_back(
    staging: Staging, full_refresh: str
) -> None:
    start = datetime(2019, 10, 31, 23, 50)
    staging.load(OCTOBER, [Trip("kept", start), Trip("seen twice", start, minutes=5)])
    staging.load(NOVEMBER, [Trip("seen twice", start, minutes=15), Trip("gone", start)])
    staging.warehouse.built(*RUN)
    staging.load(NOVEMBER, [Trip("new", datetime(2019, 11, 3))])
    staging.warehouse.built(*RUN)
    assert_equals_full_refresh(staging, full_refresh)
    found = staging.warehouse.rows(
        "select trip_id, _batch_id, duration_seconds::integer from marts.fct_trips order by 1"
    )
    assert found == [
        ["kept", OCTOBER, 600],
        ["new", NOVEMBER, 600],
        ["seen twice", OCTOBER, 300],
    ]


def test_a_start_that_moves_further_than_the_window_is_noticed_and_repaired(
    staging: Staging, full_refresh: str
) -> None:
    staging.load(SEPTEMBER, [Trip("moved", datetime(2017, 1, 1)), Trip("b", datetime(2019, 9, 2))])
    staging.warehouse.built(*RUN)
    staging.load(OCTOBER, [Trip("moved", datetime(2019, 10, 5))])
    staging.warehouse.built(*RUN)
    assert staging.warehouse.rows("select count(*) from marts.fct_trips") == [[3]]
    unique = "unique_fct_trips_trip_key"
    assert not staging.warehouse.dbt("test", "--select", unique).success
    repair = json.dumps({"lookback_days": 4000, "backfill_batches": [OCTOBER]})
    staging.warehouse.built(*RUN, "--vars", repair)
    staging.warehouse.built("test", "--select", unique)
    assert_equals_full_refresh(staging, full_refresh)


def test_a_batch_loaded_again_may_move_further_than_the_window(
    staging: Staging, full_refresh: str
) -> None:
    staging.load(SEPTEMBER, [Trip("a", datetime(2017, 1, 1)), Trip("b", datetime(2017, 1, 2))])
    staging.load(OCTOBER, [Trip("c", datetime(2019, 10, 5))])
    staging.warehouse.built(*RUN)
    staging.load(SEPTEMBER, [Trip("a", datetime(2019, 9, 5))])
    staging.warehouse.built(*RUN)
    assert_equals_full_refresh(staging, full_refresh)
    staging.withdraw(SEPTEMBER)
    staging.warehouse.built(*RUN)
    assert staging.warehouse.rows("select trip_id from marts.fct_trips") == [["c"]]


def test_a_fact_or_its_memory_that_is_gone_is_made_again_from_all_batches(
    staging: Staging, full_refresh: str
) -> None:
    staging.load(SEPTEMBER, [Trip("a", datetime(2019, 9, 5)), Trip("b", datetime(2019, 9, 6))])
    staging.load(OCTOBER, [Trip("b", datetime(2019, 10, 5))])
    staging.warehouse.built(*RUN)
    for accident in (
        "drop table marts.fct_trips",
        "delete from marts.fct_trips",
        "drop table ops.merged__fct_trips",
    ):
        staging.warehouse.execute(accident)
        staging.warehouse.built(*RUN)
        assert_equals_full_refresh(staging, full_refresh)
    merged = staging.warehouse.rows(
        "select fact, source, feed, batch_id, first_at, last_at "
        "from ops.merged__fct_trips order by batch_id"
    )
    fact = ["starlift.marts.fct_trips", "bikeshare", "trips"]
    assert merged == [
        [*fact, SEPTEMBER, datetime(2019, 9, 5), datetime(2019, 9, 6)],
        [*fact, OCTOBER, datetime(2019, 10, 5), datetime(2019, 10, 5)],
    ]


def test_each_target_remembers_its_own_merges(staging: Staging, full_refresh: str) -> None:
    staging.load(SEPTEMBER, [Trip("a", datetime(2019, 9, 5))])
    staging.warehouse.built(*RUN)
    person = personal(staging.warehouse)
    person.built("run", "--select", "stg_bikeshare__trips", "fct_trips")
    staging.load(OCTOBER, [Trip("b", datetime(2019, 10, 5))])
    staging.warehouse.built(*RUN)
    person.built(*RUN)
    assert person.rows("select trip_id from dbt_ann_marts.fct_trips order by 1") == [["a"], ["b"]]
    (table,) = person.rows("select distinct fact from dbt_ann_ops.merged__fct_trips")
    assert table == ["starlift.dbt_ann_marts.fct_trips"]
    assert_equals_full_refresh(staging, full_refresh)
    person.execute(*(f"drop schema dbt_ann_{name} cascade" for name in ("staging", "marts", "ops")))


def personal(warehouse: Warehouse) -> Warehouse:
    """The same warehouse with a person's target: other schemas, the login of the tests."""
    profiles = warehouse.folder / "profiles"
    profiles.mkdir()
    text = (PROJECT / "profiles" / "profiles.yml").read_text(encoding="utf-8")
    (profiles / "profiles.yml").write_text(
        text.replace("schema: marts\n", "schema: personal\n", 1), encoding="utf-8"
    )
    own = {
        "STARLIFT_DEV_USER": "ann",
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_TARGET_PATH": str(warehouse.folder / "personal"),
    }
    return Warehouse(warehouse.port, warehouse.folder, warehouse.environment | own)


def test_the_override_processes_a_batch_whose_state_says_nothing(
    staging: Staging, full_refresh: str
) -> None:
    staging.load(OCTOBER, [Trip("a", datetime(2019, 10, 5)), Trip("b", datetime(2019, 10, 6))])
    staging.load(NOVEMBER, [Trip("c", datetime(2019, 11, 6))])
    staging.warehouse.built(*RUN)
    # Somebody's hand: not what state comparison is there to see.
    staging.warehouse.execute(
        "update marts.fct_trips set rider_type = 'casual'",
        "delete from marts.fct_trips where trip_id = 'b'",
    )
    staging.warehouse.built(*RUN)
    assert staging.warehouse.rows("select count(*) from marts.fct_trips") == [[2]]
    staging.warehouse.built(*RUN, "--vars", json.dumps({"backfill_batches": [OCTOBER]}))
    found = staging.warehouse.rows("select trip_id, rider_type from marts.fct_trips order by 1")
    assert found == [["a", "member"], ["b", "member"], ["c", "casual"]]


def test_a_wrong_override_says_what_to_write(staging: Staging) -> None:
    staging.load(OCTOBER, [Trip("a", datetime(2019, 10, 5))])
    staging.warehouse.built(*RUN)
    for value in ("20191001T000000", ["2019-10-01"], ["x'; drop table y; --"]):
        given = ("--vars", json.dumps({"backfill_batches": value}))
        result = staging.warehouse.dbt("compile", *RUN[1:], *given)
        assert not result.success
        assert "The var backfill_batches" in messages(result)
        assert "20191001T000000" in messages(result)


def test_a_kill_in_the_middle_of_the_merge_leaves_nothing_behind(
    staging: Staging, full_refresh: str
) -> None:
    staging.load(OCTOBER, [Trip("a", datetime(2019, 10, 5)), Trip("b", datetime(2019, 10, 6))])
    staging.warehouse.built(*RUN)
    before = staging.warehouse.rows("select * from marts.fct_trips order by trip_id")
    staging.load(OCTOBER, [Trip("a", datetime(2019, 10, 7)), Trip("c", datetime(2019, 10, 8))])
    with contextlib.closing(staging.warehouse.connect()) as blocker:
        # An open write on the fact: the merge's delete, with the increment made, waits for it.
        blocker.cursor().execute("update marts.fct_trips set rider_type = 'casual'")
        dbt = staging.warehouse.start_dbt(*RUN)
        wait_for(lambda: waiting(staging.warehouse, "delete from"), dbt)
        os.kill(dbt.pid, signal.SIGKILL)
        dbt.wait(20)
        blocker.rollback()
    wait_for(lambda: sessions_in_transaction(staging.warehouse) == 0)
    assert staging.warehouse.rows("select * from marts.fct_trips order by trip_id") == before
    staging.warehouse.built(*RUN)
    assert_equals_full_refresh(staging, full_refresh)


def test_the_whole_merge_is_one_transaction_that_begins_with_the_lock(staging: Staging) -> None:
    staging.load(OCTOBER, [Trip("a", datetime(2019, 10, 5))])
    staging.warehouse.built(*RUN)
    staging.load(OCTOBER, [Trip("b", datetime(2019, 10, 5))])
    log = Path(staging.warehouse.environment["DBT_LOG_PATH"]) / "dbt.log"
    before = log.stat().st_size
    staging.warehouse.built(*RUN)
    sent = re.findall(
        r"On model\.starlift\.fct_trips: (?:/\*.*?\*/\s*)?(\S+ \S+|\S+)",
        log.read_bytes()[before:].decode(),
        re.DOTALL,
    )
    verbs = [" ".join(statement.lower().split()) for statement in sent]
    begin = len(verbs) - verbs[::-1].index("begin")
    merge = verbs[begin:]
    assert merge[0] == "lock table"
    changes = ["delete from", "delete from", "insert into", "delete from", "insert into"]
    steps = ["create temporary", "insert into", *changes]
    assert [verb for verb in merge if verb in steps] == steps
    assert set(merge[merge.index("commit") :]) == {"commit", "close"}


def test_two_merges_at_once_end_as_one_after_the_other(staging: Staging, full_refresh: str) -> None:
    staging.load(SEPTEMBER, [Trip(f"s{n}", datetime(2019, 9, 5)) for n in range(50)])
    staging.warehouse.built(*RUN)
    staging.load(OCTOBER, [Trip(f"o{n}", datetime(2019, 10, 5)) for n in range(50)])
    with contextlib.closing(staging.warehouse.connect()) as blocker:
        # Both wait for the lock, then both have the same batch to merge.
        blocker.cursor().execute("lock table ops.merged__fct_trips")
        both = [
            staging.warehouse.start_dbt(*RUN, "--target-path", t) for t in parsed_twice(staging)
        ]
        wait_for(lambda: waiting(staging.warehouse, "lock table") == len(both), *both)
        blocker.rollback()
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(outputs)
    assert_equals_full_refresh(staging, full_refresh)


def parsed_twice(staging: Staging) -> list[str]:
    """Two target folders, so that the processes don't write to one; what was parsed goes along."""
    folders = [staging.warehouse.folder / f"target-{n}" for n in (1, 2)]
    for folder in folders:
        folder.mkdir()
        shutil.copy(staging.warehouse.partial_parse(), folder)
    return [str(folder) for folder in folders]


def messages(result: object) -> str:
    found = [str(done.message) for done in getattr(getattr(result, "result", None), "results", [])]
    return "\n".join([*found, str(getattr(result, "exception", ""))])


def waiting(warehouse: Warehouse, start: str) -> int:
    sessions = inside(
        warehouse,
        "select query from pg_stat_activity where wait_event_type = 'Lock' "
        "and datname = current_database()",
    )
    return sum(start in query.lower() for (query,) in sessions)


def sessions_in_transaction(warehouse: Warehouse) -> int:
    return len(
        inside(
            warehouse,
            "select pid from pg_stat_activity where xact_start is not null "
            "and pid <> pg_backend_pid() and datname = current_database()",
        )
    )


def wait_for(condition: Callable[[], object], *processes: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        for process in processes:
            ended = process.poll()  # type: ignore[attr-defined]
            output = process.stdout.read() if ended is not None else ""  # type: ignore[attr-defined]
            assert ended is None, output
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
