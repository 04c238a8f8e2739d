"""Short statements, one after another on one connection: the gateway's share of each.

`select 1` in each protocol; a row of a small table by its key, which the gateway has to look up (it
could be a late-binding view); what dbt asks the catalog for, which has the gateway's own views.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.pair import Measurement, Pair, Side
from benchmarks.servers import servers

TARGET = 1.5
QUERIES, METADATA_QUERIES = 2000, 100
TABLE = (
    "create table stations as "
    "select n as id, 'Station ' || n as name from generate_series(1, 1000) as n"
)
METADATA = (
    "select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale "
    "from information_schema.columns where table_name = 'stations' order by ordinal_position"
)

Run = Callable[[Any], object]
# What is run, and how often before it counts as one measurement.
STATEMENTS: dict[str, tuple[Run, int]] = {
    "select 1, simple protocol": (lambda c: c.execute("select 1", prepare=False), QUERIES),
    "select 1, extended protocol": (
        lambda c: c.execute("select %s::int", (1,), prepare=False),
        QUERIES,
    ),
    "select 1, prepared statement": (
        lambda c: c.execute("select %s::int", (1,), prepare=True),
        QUERIES,
    ),
    "a row by its key": (
        lambda c: c.execute("select name from stations where id = 500", prepare=False),
        QUERIES,
    ),
    "a table's columns": (lambda c: c.execute(METADATA, prepare=False), METADATA_QUERIES),
}


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """One pair per kind of statement."""
    with servers() as running, contextlib.ExitStack() as stack:
        cursors = {
            name: stack.enter_context(running.connect(port)).cursor()
            for name, port in running.ports.items()
        }
        cursors["PostgreSQL"].execute(TABLE)
        cursors["PostgreSQL"].execute("analyze stations")
        made: list[Measurement] = []
        for name, (run, count) in STATEMENTS.items():
            direct, ours = (
                Side(side, partial(_repeat, run, cursor, count)) for side, cursor in cursors.items()
            )
            made.append(Pair(name, direct, ours, TARGET, count=count, rounds=9))
        yield made


def _repeat(run: Run, cursor: Any, count: int) -> None:
    for _ in range(count):
        run(cursor)
        cursor.fetchall()
