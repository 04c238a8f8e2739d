"""What is remembered about loads: written on a connection of its own, so that it survives the
rollback of the client's transaction."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infra.local.redshift.catalog.install import admin_connection
from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.load_errors import LoadFailed, RejectedRow, Rejects
from infra.local.redshift.commands.parquet import FileError
from infra.local.redshift.commands.s3 import S3Object
from infra.local.redshift.commands.target import Target
from infra.local.redshift.commands.unload_files import Written
from infra.local.redshift.commands.unload_statement import UnloadStatement
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol.backend import Backend
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.parser import literal

logger = logging.getLogger("starlift.redshift")
# Rows of one INSERT; fields of stl_loaderror_detail are kept for so many rows (Redshift: 20).
_CHUNK, _DETAILED = 500, 20


@dataclass
class Load:
    """One COPY as it goes."""

    statement: CopyStatement
    session_id: int
    database: str
    rejects: Rejects
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    target: Target | None = None
    files: list[S3Object] = field(default_factory=list)
    scanned: Counter[str] = field(default_factory=Counter)  # rows read by file
    rows: int = 0

    @property
    def table(self) -> str:
        """The table as the client wrote it."""
        return ".".join(self.statement.table)


async def record(load: Load, settings: Settings, error: GatewayError | None) -> int:
    """Write the load (and its errors) into the history; returns its query id."""
    try:
        connection = await admin_connection(settings, settings.database)
        try:
            found = await connection.query("select nextval('pg_internal.query_id')")
            query_id = int(str(found[0][0]))
            await _insert(connection, "load_history", [_load(load, settings, error, query_id)])
            rejected = list(load.rejects.rows)
            if error is not None and not isinstance(error, LoadFailed):
                rejected.append(_of(error, load))
            await _insert(
                connection, "load_error", [_error(load, query_id, row) for row in rejected]
            )
            await _insert(
                connection,
                "load_error_field",
                [field for row in rejected[:_DETAILED] for field in _fields(query_id, row)],
            )
            if error is None:
                files = [_file(load, query_id, item) for item in load.files]
                await _insert(connection, "load_file", files)
            return query_id
        finally:
            connection.close()
    except GatewayError as failure:
        logger.warning("the load history could not be written: %s", failure)
        return -1


@dataclass
class Unload:
    """One UNLOAD as it goes."""

    statement: UnloadStatement
    session_id: int
    database: str
    started: datetime
    files: list[Written] = field(default_factory=list)
    rows: int = 0


async def record_unload(unload: Unload, settings: Settings, error: GatewayError | None) -> int:
    """Write an UNLOAD into the history; returns its query id."""
    ended = datetime.now(UTC)
    statement = unload.statement
    try:
        connection = await admin_connection(settings, settings.database)
        try:
            found = await connection.query("select nextval('pg_internal.query_id')")
            query_id = int(str(found[0][0]))
            message = "" if error is None else f"{error.message} {error.detail or ''}".strip()
            row = {
                "query_id": str(query_id),
                "session_id": str(unload.session_id),
                "database_name": literal(unload.database),
                "status": literal("completed" if error is None else "aborted"),
                "start_time": _moment(unload.started),
                "end_time": _moment(ended),
                "duration": str(int((ended - unload.started).total_seconds() * 1_000_000)),
                "file_format": literal(statement.format.value),
                "compression_type": literal(
                    statement.compression.value if statement.compression else ""
                ),
                "unloaded_location": literal(statement.url),
                "unloaded_rows": str(unload.rows),
                "unloaded_files_count": str(len(unload.files)),
                "unloaded_files_size": str(sum(file.size for file in unload.files)),
                "error_message": literal(message),
            }
            await _insert(connection, "unload_history", [row])
            files = [_written(unload, query_id, file) for file in unload.files]
            await _insert(connection, "unload_file", files)
            return query_id
        finally:
            connection.close()
    except GatewayError as failure:
        logger.warning("the unload history could not be written: %s", failure)
        return -1


def _written(unload: Unload, query_id: int, file: Written) -> dict[str, str]:
    return {
        "query_id": str(query_id),
        "session_id": str(unload.session_id),
        "file_name": literal(file.url),
        "start_time": _moment(file.started),
        "end_time": _moment(file.ended),
        "line_count": str(file.rows),
        "transfer_size": str(file.size),
        "file_format": literal(unload.statement.format.value),
    }


async def _insert(connection: Backend, table: str, rows: list[dict[str, str]]) -> None:
    """Insert rows whose values are SQL already."""
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        values = ", ".join(f"({', '.join(row.values())})" for row in part)
        await connection.query(
            f"insert into pg_internal.{table} ({', '.join(part[0])}) values {values}"  # noqa: S608
        )


def _load(
    load: Load, settings: Settings, error: GatewayError | None, query_id: int
) -> dict[str, str]:
    ended = datetime.now(UTC)
    message = "" if error is None else f"{error.message} {error.detail or ''}".strip()
    return {
        "query_id": str(query_id),
        "session_id": str(load.session_id),
        "user_name": literal(settings.user),
        "database_name": literal(load.database),
        "table_name": literal(load.table),
        "data_source": literal(load.statement.url),
        "file_format": literal(load.statement.format.value),
        "status": literal("completed" if error is None else "aborted"),
        "error_message": literal(message),
        "start_time": _moment(load.started),
        "end_time": _moment(ended),
        "duration": str(int((ended - load.started).total_seconds() * 1_000_000)),
        "loaded_rows": str(load.rows if error is None else 0),
        "loaded_bytes": str(sum(item.size for item in load.files)),
        "source_file_count": str(len(load.files)),
        "error_count": str(max(load.rejects.count, int(error is not None))),
    }


def _of(error: GatewayError, load: Load) -> RejectedRow:
    """What the load-error views show for an error of the whole load."""
    message = f"{error.message} {error.detail or ''}".strip()
    if isinstance(error, FileError):
        return RejectedRow(
            error.item.url,
            error.line,
            error.code,
            error.context,
            raw_value=error.value,
            column=error.column,
        )
    return RejectedRow(load.statement.url, 0, 0, message)


def _error(load: Load, query_id: int, row: RejectedRow) -> dict[str, str]:
    column = row.column
    return {
        "query_id": str(query_id),
        "session_id": str(load.session_id),
        "start_time": _moment(load.started),
        "table_id": str(load.target.oid if load.target else 0),
        "table_name": literal(load.table),
        "file_name": literal(row.file),
        "line_number": str(row.line),
        "column_name": literal(column.name if column else ""),
        "column_type": literal(column.shown_type if column else ""),
        "column_length": literal(str(column.length or "") if column else ""),
        "position": str(row.position),
        "raw_line": literal(row.raw_line),
        "raw_field_value": literal(row.raw_value),
        "error_code": str(row.code),
        "error_message": literal(row.reason),
    }


def _fields(query_id: int, row: RejectedRow) -> Iterable[dict[str, str]]:
    for column, value in row.values:
        yield {
            "query_id": str(query_id),
            "file_name": literal(row.file),
            "line_number": str(row.line),
            "field": str(column.number),
            "column_name": literal(column.name),
            "value": literal(value),
        }


def _file(load: Load, query_id: int, item: S3Object) -> dict[str, str]:
    return {
        "query_id": str(query_id),
        "file_name": literal(item.url),
        "file_bytes": str(item.size),
        "lines_scanned": str(load.scanned[item.url]),
        "end_time": _moment(datetime.now(UTC)),
    }


def _moment(moment: datetime) -> str:
    return literal(moment.strftime("%Y-%m-%d %H:%M:%S.%f"))
