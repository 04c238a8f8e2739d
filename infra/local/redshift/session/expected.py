"""What PostgreSQL will answer to what has been sent to it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.session.query_log import Run
from infra.local.redshift.translate.result import Plan


class Answer(enum.Enum):
    """What PostgreSQL answers to one message."""

    PARSE = enum.auto()
    BIND = enum.auto()
    CLOSE = enum.auto()
    DESCRIBE = enum.auto()
    EXECUTE = enum.auto()
    SYNC = enum.auto()


# The kinds of message that end each answer.
ENDS = {
    answer: frozenset(kinds)
    for answer, kinds in {
        Answer.PARSE: b"1",
        Answer.BIND: b"2",
        Answer.CLOSE: b"3",
        Answer.DESCRIBE: b"Tn",
        Answer.EXECUTE: b"CIs",
        Answer.SYNC: b"Z",
    }.items()
}


@dataclass(slots=True)
class Expected:
    """One answer that is due."""

    answer: Answer
    visible: bool = True
    tag: str | None = None
    error: GatewayError | None = None  # replaces PostgreSQL's error
    in_failed: bool = False  # … also that of a transaction which failed already
    to_original: Callable[[int], int] | None = None
    rows: list[list[str | None]] | None = None  # collects the rows of a hidden query
    no_rows: bool = False  # the client must see no result columns
    run: Run | None = None  # the client's statement that ends with this answer


@dataclass(slots=True)
class Exchange:
    """A statement, sent in the messages `kinds` (of P, B, D, E, S), and its answers."""

    kinds: str
    plan: Plan
    run: Run

    def expected(self) -> list[Expected]:
        """The answers one by one."""
        tag, to_original, run = self.plan.tag, self.plan.to_original, self.run
        answers = {
            "P": Expected(Answer.PARSE, tag=tag, to_original=to_original, run=run),
            "B": Expected(Answer.BIND, tag=tag, to_original=to_original),
            "D": Expected(Answer.DESCRIBE, tag=tag, to_original=to_original),
            "E": Expected(Answer.EXECUTE, tag=tag, to_original=to_original, run=run),
            "S": Expected(Answer.SYNC),
        }
        return [answers[kind] for kind in self.kinds]
