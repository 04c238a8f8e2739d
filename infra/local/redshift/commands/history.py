"""What is remembered about loads: written on a connection of its own, so that it survives the
rollback of the client's transaction."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infra.local.redshift.catalog.install import admin_connection
from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.parquet import FileError
from infra.local.redshift.commands.target import Target
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.parser import literal

logger = logging.getLogger("starlift.redshift")


@dataclass
class Load:
    """One COPY as it goes."""

    statement: CopyStatement
    session_id: int
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    target: Target | None = None
    files: int = 0
    rows: int = 0
    size: int = 0


_PLACE = re.compile(r'^COPY \S+, line (\d+)(?:, column "?([^":]+)"?)?(?:: "(.*)")?', re.DOTALL)


class LineError(GatewayError):
    """A line of a text file that PostgreSQL could not load; the load-error views tell which."""

    def __init__(self, cause: GatewayError, table: str) -> None:
        super().__init__(
            "XX000",
            f"Load into table '{table}' failed.  Check 'stl_load_errors' system table for details.",
        )
        self.reason = cause.message
        place = _PLACE.match(cause.context)
        self.line = int(place.group(1)) if place else 0
        self.column = (place.group(2) or "") if place else ""
        self.value = (place.group(3) or "") if place else ""

    @staticmethod
    def of(cause: GatewayError, statement: CopyStatement) -> GatewayError:
        """The error for the client, from PostgreSQL's."""
        return LineError(cause, statement.table[-1])


async def record(load: Load, settings: Settings, error: GatewayError | None) -> int:
    """Write the load (and its error) into the history; returns its query id."""
    ended = datetime.now(UTC)
    table = ".".join(load.statement.table)
    try:
        connection = await admin_connection(settings, settings.database)
        try:
            rows = await connection.query("select nextval('pg_internal.query_id')")
            query_id = int(str(rows[0][0]))
            message = "" if error is None else f"{error.message} {error.detail or ''}".strip()
            await connection.query(
                "insert into pg_internal.load_history values ("  # noqa: S608 values are quoted
                f"{query_id}, null, {load.session_id}, {literal(settings.user)}, "
                f"{literal(settings.database)}, {literal(table)}, {literal(load.statement.url)}, "
                f"{literal(load.statement.format.value)}, "
                f"'{'completed' if error is None else 'aborted'}', {literal(message)}, "
                f"{_moment(load.started)}, {_moment(ended)}, "
                f"{int((ended - load.started).total_seconds() * 1_000_000)}, "
                f"{load.rows if error is None else 0}, {load.size}, {load.files}, "
                f"{0 if error is None else 1})"
            )
            if error is not None:
                await connection.query(_error_row(load, query_id, table, error))
            return query_id
        finally:
            connection.close()
    except GatewayError as failure:
        logger.warning("the load history could not be written: %s", failure)
        return -1


def _error_row(load: Load, query_id: int, table: str, error: GatewayError) -> str:
    """The INSERT for the load-error views."""
    name, line, column, kind, length, value, code = "", 0, "", "", "", "", 0
    message = f"{error.message} {error.detail or ''}".strip()
    if isinstance(error, FileError):
        name, line, value, code = error.item.url, error.line, error.value, error.code
        message = error.context
        if error.column is not None:
            column, kind = error.column.name, error.column.redshift_type.split("(")[0].lower()
            length = str(error.column.length or "")
    if isinstance(error, LineError):
        line, column, value, code, message = error.line, error.column, error.value, 1, error.reason
    return (
        "insert into pg_internal.load_error values ("  # noqa: S608 values are quoted
        f"{query_id}, null, {load.session_id}, {_moment(load.started)}, "
        f"{load.target.oid if load.target else 0}, {literal(table)}, "
        f"{literal(name or load.statement.url)}, {line}, {literal(column)}, {literal(kind)}, "
        f"{literal(length)}, '', {literal(value)}, {code}, {literal(message)})"
    )


def _moment(moment: datetime) -> str:
    return literal(moment.strftime("%Y-%m-%d %H:%M:%S.%f"))
