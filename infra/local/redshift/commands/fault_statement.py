"""The gateway's own functions: `select starlift_gateway.fail_next(kind, statement, times)`.

They let a test meet on demand what Redshift does to its clients now and then. They belong to the
gateway, not to Redshift, and so they have a schema of their own.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError

if TYPE_CHECKING:
    from infra.local.redshift.translate.parser import Parser


_E = TypeVar("_E", bound=enum.Enum)


class Fault(enum.Enum):
    """What happens to a statement instead of its result."""

    SERIALIZABLE_ISOLATION = "serializable_isolation"  # error 1023; nothing was done
    CONCURRENT_TRANSACTION = "concurrent_transaction"  # the conflict that DDL meets
    LOST_BEFORE = "connection_lost_before"  # the statement never arrived
    LOST_AFTER = "connection_lost_after"  # it was done, its answer was lost


class Action(enum.Enum):
    """The functions of the schema `starlift_gateway`."""

    FAIL_NEXT = "fail_next"
    FAULTS = "faults"
    CLEAR = "clear_faults"


@dataclass(frozen=True)
class FaultStatement:
    """One call; `statement` is a regular expression that the next `times` statements match."""

    action: Action
    fault: Fault | None = None
    statement: str = ""
    times: int = 1


def parse_fault(parser: Parser) -> FaultStatement:
    """Read a call; raises GatewayError saying what is wrong with it."""
    parser.word("select")
    parser.name()
    parser.mark(".")
    action = _one_of(Action, parser.name(), "function of starlift_gateway")
    parser.mark("(")
    call = FaultStatement(action)
    if action is Action.FAIL_NEXT:
        fault = _one_of(Fault, _text(parser), "kind of fault")
        parser.mark(",")
        statement = _text(parser)
        try:
            re.compile(statement)
        except re.error as error:
            raise GatewayError("2201B", f"invalid regular expression: {error}") from error
        times = parser.number() if parser.try_mark(",") else 1
        if times < 1:
            raise GatewayError("22023", "the number of times must be at least 1")
        call = FaultStatement(action, fault, statement, times)
    parser.mark(")")
    parser.finish()
    return call


def _text(parser: Parser) -> str:
    try:
        return parser.string()
    except GatewayError as error:
        raise GatewayError(
            SYNTAX_ERROR,
            "starlift_gateway.fail_next takes literals: ('kind', 'regular expression', times)",
            position=error.position,
        ) from error


def _one_of(choices: type[_E], name: str, what: str) -> _E:
    try:
        return choices(name)
    except ValueError:
        known = ", ".join(str(choice.value) for choice in choices)
        raise GatewayError(SYNTAX_ERROR, f'"{name}" is no {what}: write one of {known}') from None
