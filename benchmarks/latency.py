"""`select 1`, one after another on one connection: the gateway's share of a short query."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.pair import Measurement, Pair, Side
from benchmarks.servers import servers

TARGET = 1.5
QUERIES = 2000

Run = Callable[[Any], object]
PROTOCOLS: dict[str, Run] = {
    "simple protocol": lambda cursor: cursor.execute("select 1", prepare=False),
    "extended protocol": lambda cursor: cursor.execute("select %s::int", (1,), prepare=False),
    "prepared statement": lambda cursor: cursor.execute("select %s::int", (1,), prepare=True),
}


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """One pair per protocol."""
    with servers() as running, contextlib.ExitStack() as stack:
        cursors = {
            name: stack.enter_context(running.connect(port)).cursor()
            for name, port in running.ports.items()
        }
        made: list[Measurement] = []
        for protocol, run in PROTOCOLS.items():
            direct, ours = (Side(name, _repeat(run, cursor)) for name, cursor in cursors.items())
            made.append(
                Pair(f"select 1, {protocol}", direct, ours, TARGET, count=QUERIES, rounds=9)
            )
        yield made


def _repeat(run: Run, cursor: Any) -> Callable[[], None]:
    def repeat() -> None:
        for _ in range(QUERIES):
            run(cursor)
            cursor.fetchall()

    return repeat
