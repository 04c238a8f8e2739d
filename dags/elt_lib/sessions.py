"""Warehouse sessions that are tried again when the warehouse, not the batch, was at fault."""

from __future__ import annotations

import itertools
import logging
import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from secrets import SystemRandom
from typing import TypeVar

from redshift_connector.error import InterfaceError, OperationalError

from elt_lib.warehouse import Connection

log = logging.getLogger(__name__)

T = TypeVar("T")
Connect = Callable[[], Connection]

TRIES = 5
"""Sessions that are opened for one piece of work before the fault is left to Airflow's retry."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0
"""Seconds: the bound of the first random pause, doubled each time up to the second number."""


class Fault(Enum):
    """What trying a failed transaction again would do."""

    TRANSIENT = "may go well at once, in a new session"
    PERMANENT = "gives the same error for ever"
    UNKNOWN = "may go well later"


# Redshift reports conflicts as a number that begins the message: 1023 is "Serializable isolation
# violation", 1018 "Relation does not exist" for a table swapped after the snapshot. For both the
# remedy is to run the transaction again ("Troubleshooting serializable isolation errors", Database
# Developer Guide). DDL meets conflicts in words (https://github.com/dbt-labs/dbt-adapters/issues/626).
_CONFLICT = re.compile(r"\s*(1023|1018)\b|could not complete because of conflict")
# SQLSTATEs (PostgreSQL, appendix A): serialization failure, deadlock, shutdowns, too many
# connections; and what only a race over DDL gives, as Redshift enforces no key: the table, the
# column or the catalog row is there already, and looking again finds it.
_PASSING = frozenset(
    {"40001", "40P01", "57P01", "57P02", "57P03", "53300", "42P07", "42701", "23505"}
)
# Classes of SQLSTATEs that follow from statement and data alone: feature not supported, data
# exception, integrity constraint, wrong login, wrong SQL or missing privilege.
_FOR_EVER = ("0A", "22", "23", "28", "42")
# COPY's own errors have SQLSTATE XX000. 15001 and 15007 tell of a file that doesn't fit the table,
# but Spectrum gives the same numbers to answers of S3, of which 5xx and SlowDown pass.
_BAD_FILE = re.compile(
    r"code:\s*(15001|15007)\b|stl_load_errors|sys_load_error_detail|value too long"
    r"|prefix .* does not exist|mandatory|manifest",
    re.IGNORECASE,
)
_THROTTLED = re.compile(r"response error code: 5\d\d|SlowDown|Please reduce your request rate")


def fault_of(error: BaseException) -> Fault:
    """Tell from an error of driver or server whether trying again can help."""
    fields = server_fields(error)
    if not fields:
        # The driver reads past a connection that breaks inside a message (struct.error).
        broken = (InterfaceError, OperationalError, OSError, struct.error)
        return Fault.TRANSIENT if isinstance(error, broken) else Fault.UNKNOWN
    state = fields.get("C", "")
    text = f"{fields.get('M', '')} {fields.get('D', '')}"
    if _CONFLICT.match(text) or state in _PASSING or state.startswith("08"):
        return Fault.TRANSIENT
    if state.startswith(_FOR_EVER) or (_BAD_FILE.search(text) and not _THROTTLED.search(text)):
        return Fault.PERMANENT
    return Fault.UNKNOWN


def server_fields(error: BaseException) -> Mapping[str, str]:
    """The fields of a server's ErrorResponse as redshift_connector raises it; else nothing."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, dict) else {}


def say(error: BaseException) -> str:
    """An error in one line: the server's message and detail without the protocol's fields."""
    fields = server_fields(error)
    text = f"{fields.get('M', '')} {fields.get('D', '')}" if fields else str(error)
    return " ".join(text.split()) or type(error).__name__


def pause(attempt: int) -> None:
    """Wait a random while after try ``attempt``, so that two in conflict don't meet again."""
    time.sleep(SystemRandom().uniform(0, min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)))


def in_session(
    connect: Connect,
    work: Callable[[Connection], T],
    *,
    tries: int = TRIES,
    wait: Callable[[int], None] = pause,
) -> T:
    """Do ``work`` in a session of its own; again in a new one after a transient fault.

    ``work`` must be whole transactions that may run twice: the answer to a COMMIT can be lost, so
    that a try that failed may have worked. Raises the last error.
    """
    for attempt in itertools.count(1):
        try:
            with session(connect) as connection:
                return work(connection)
        except Exception as error:
            if attempt >= tries or fault_of(error) is not Fault.TRANSIENT:
                raise
            log.warning("try %d of %d: %s; trying again", attempt, tries, say(error))
            wait(attempt)
    raise AssertionError("unreachable")  # the loop has no end


@contextmanager
def session(connect: Connect) -> Iterator[Connection]:
    """A connection that is closed at the end, whatever state it is in."""
    connection = connect()
    try:
        yield connection
    finally:
        try:
            connection.close()
        except Exception as error:  # noqa: BLE001 it was broken before; the work's outcome counts
            log.debug("closing a broken connection: %s", error)
