"""A result of a million rows, and the gateway's memory while five million pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.pair import Measurement, Pair, Side
from benchmarks.servers import Growth, Servers, servers

TARGET = 1.15
ROWS = 1_000_000
MEMORY_ROWS = 5_000_000
MEMORY_LIMIT = 40.0  # MB more than before: the buffers of one connection, not the result
TABLE = (
    "create table numbers as select n as id, n * 1.5 as amount, 'name ' || n as name, "
    "timestamp '2020-01-01' + n * interval '1 second' as at from generate_series(1, {rows}) as n"
)


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """Time, then memory."""
    with servers() as running, contextlib.ExitStack() as stack:
        with running.connect(running.postgres_port) as connection:
            connection.execute(TABLE.format(rows=MEMORY_ROWS))
            connection.execute("vacuum analyze numbers")
        direct, ours = (
            Side(name, partial(_fetch, stack.enter_context(running.connect(port)).cursor()))
            for name, port in running.ports.items()
        )
        yield [
            Pair(f"{ROWS:,} rows of 4 columns", direct, ours, TARGET),
            Growth(
                f"the gateway's memory while {MEMORY_ROWS:,} rows pass",
                running,
                partial(_slowly, running, stack),
                MEMORY_LIMIT,
            ),
        ]


def _fetch(cursor: Any) -> None:
    cursor.execute(f"select id, amount, name, at from numbers where id <= {ROWS}")  # noqa: S608
    found = cursor.pgresult.ntuples
    if found != ROWS:
        raise RuntimeError(f"{found} rows instead of {ROWS}")


def _slowly(running: Servers, stack: contextlib.ExitStack) -> None:
    """Read everything row by row, more slowly than it comes."""
    connection = stack.enter_context(running.connect(running.port))
    for _ in connection.cursor().stream("select * from numbers"):
        pass
