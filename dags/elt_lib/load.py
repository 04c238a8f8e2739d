"""The load protocol: one batch of one feed into its staging table, exactly once.

Pure of Airflow: a function that connects and one that reads bytes from S3 come in, so that every
step can be tested and killed by itself.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elt_lib import preflight, warehouse
from elt_lib.contract import Feed
from elt_lib.redshift_types import RedshiftType
from elt_lib.sessions import Connect, Fault, fault_of, in_session, say, server_fields
from elt_lib.warehouse import Connection, Cursor, sql

log = logging.getLogger(__name__)


class LoadError(RuntimeError):
    """A batch could not be loaded; its transaction was rolled back. Another try may help."""


class PermanentLoadError(LoadError):
    """A batch that no other try can load: files, contract or table have to change first."""


@dataclass(frozen=True)
class Rejects:
    """Rejected rows of a batch that broke one rule of the contract."""

    rule: str
    column: str | None
    rows: int


@dataclass(frozen=True)
class Report:
    """What preprocessing says about a batch (``report.json``, its commit point)."""

    manifest_url: str
    manifest_sha256: str
    files: int
    raw_rows: int
    rejected_rows: int
    written_rows: int
    loaded_at: datetime
    rejects: tuple[Rejects, ...] = ()

    @classmethod
    def parse(cls, text: bytes) -> Report:
        """Read ``report.json``; raises PermanentLoadError unless it accounts for every row."""
        data: Mapping[str, Any] = json.loads(text)
        report = cls(
            manifest_url=data["manifest"]["url"],
            manifest_sha256=data["manifest"]["sha256"],
            files=len(data["files"]),
            raw_rows=data["raw_rows"],
            rejected_rows=data["rejected_rows"],
            written_rows=data["written_rows"],
            loaded_at=datetime.fromisoformat(data["loaded_at"]).replace(tzinfo=None),
            rejects=tuple(Rejects(it["rule"], it["column"], it["rows"]) for it in data["rejects"]),
        )
        explained = sum(reject.rows for reject in report.rejects)
        if (report.raw_rows, explained) != (
            report.rejected_rows + report.written_rows,
            report.rejected_rows,
        ):
            raise PermanentLoadError(
                f"the report of {report.manifest_url} doesn't add up: {report.raw_rows} raw rows, "
                f"{report.rejected_rows} rejected ({explained} by rule), {report.written_rows} "
                "written; nothing was loaded"
            )
        return report


@dataclass(frozen=True)
class Run:
    """The DAG run that loads, for the ledger."""

    dag_id: str
    run_id: str


@dataclass(frozen=True)
class S3Reader:
    """The two ways in which loading reads from S3."""

    read: Callable[[str], bytes]
    read_range: preflight.ReadRange


def load_batch(
    connect: Connect,
    feed: Feed,
    batch_id: str,
    report: Report,
    s3: S3Reader,
    role: str,
    run: Run,
) -> int:
    """Load one batch in one transaction and return its rows; a batch already there is left alone.

    A conflict or a lost connection is answered by the whole transaction again, in a new session: it
    begins by asking the ledger, so that a commit whose answer was lost is recognised. Raises
    SchemaDrift or PreflightError before anything is sent, PermanentLoadError with the warehouse's
    own load errors when COPY can't take the files, LoadError when another try may help.
    """
    table = in_session(connect, lambda connection: _prepare(connection, feed))
    files = _check_manifest(report, s3)
    footers = [preflight.read_footer(url, size, s3.read_range) for url, size in files]
    rows = preflight.check(feed, table, footers)
    preflight.check_lengths(feed, table, footers, s3.read_range)
    if rows != report.written_rows:
        raise PermanentLoadError(
            f"{report.manifest_url} lists files with {rows} rows, its report says "
            f"{report.written_rows}; nothing was loaded. Clear the preprocess task."
        )

    def replace(connection: Connection) -> int:
        try:
            with warehouse.transaction(connection) as cursor:
                return _replace_batch(cursor, feed, batch_id, report, rows, role, run)
        except LoadError:
            raise
        except Exception as error:
            fault = fault_of(error)
            if fault is Fault.TRANSIENT:
                raise
            kind = PermanentLoadError if fault is Fault.PERMANENT else LoadError
            told = kind(_explain(connection, feed, batch_id, error))
            # The driver's error may hold a value, and a chain of errors is logged whole.
            raise told from (None if preflight.sensitive_columns(feed) else error)

    try:
        return in_session(connect, replace)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(
            f"batch {batch_id} of {feed.id} was not loaded, as far as is known: {say(error)}. "
            "Nothing is lost: the next try asks the ledger first."
        ) from error


def record_no_data(connect: Connect, feed: Feed, batch_id: str, run: Run) -> None:
    """Note in the ledger that a batch has no files; a batch loaded before keeps its entry."""

    def note(connection: Connection) -> None:
        with warehouse.transaction(connection) as cursor:
            cursor.execute(sql("lock_feed", table=feed.table))
            cursor.execute(sql("ledger_entry"), (feed.source, feed.name, batch_id))
            if cursor.fetchone() is None:
                entry = ("no_data", None, None, 0, 0, 0, 0, None, run.dag_id, run.run_id)
                cursor.execute(
                    sql("insert_ledger_entry"), (feed.source, feed.name, batch_id, *entry)
                )

    in_session(connect, lambda connection: _prepare(connection, feed))
    in_session(connect, note)


def _prepare(connection: Connection, feed: Feed) -> dict[str, RedshiftType]:
    """Bring the staging table to the contract; returns its columns."""
    warehouse.ensure_table(connection, feed)
    with warehouse.transaction(connection) as cursor:
        return warehouse.table_columns(cursor, feed)


def _replace_batch(
    cursor: Cursor, feed: Feed, batch_id: str, report: Report, rows: int, role: str, run: Run
) -> int:
    key = (feed.source, feed.name, batch_id)
    # The lock comes before the first statement that takes a snapshot ("Serializable isolation",
    # Database Developer Guide), so that what a parallel load of this feed committed is seen. It is
    # on a table of its own: readers of the staging table don't wait for it.
    cursor.execute(sql("lock_feed", table=feed.table))
    cursor.execute(sql("ledger_entry"), key)
    entry = cursor.fetchone()
    if entry is not None and entry[0] == report.manifest_sha256:
        log.info("%s %s: manifest already loaded, %d rows", feed.id, batch_id, entry[1])
        return int(entry[1])
    cursor.execute(sql("delete_batch", table=feed.table), (batch_id,))
    if rows:
        columns = ", ".join(column.name for column in feed.table_columns)
        # Maps become objects in SUPER columns (Developer Guide, "Copying data from columnar-format
        # Parquet and ORC").
        nested = any(column.type.name == "super" for column in feed.columns)
        copy = sql(
            "copy_batch",
            table=feed.table,
            columns=columns,
            manifest=report.manifest_url,
            role=role,
            options="serializetojson" if nested else "",
        )
        cursor.execute(copy)
        cursor.execute("select pg_last_copy_count()")
        _expect(cursor, rows, "pg_last_copy_count()", report)
    cursor.execute(sql("count_batch", table=feed.table), (batch_id,))
    _expect(cursor, rows, f"{feed.table} for batch {batch_id}", report)
    cursor.execute(sql("delete_ledger_entry"), key)
    counts = (report.files, report.raw_rows, report.rejected_rows, rows)
    manifest = ("loaded", report.manifest_url, report.manifest_sha256)
    cursor.execute(
        sql("insert_ledger_entry"),
        (*key, *manifest, *counts, report.loaded_at, run.dag_id, run.run_id),
    )
    cursor.execute(sql("delete_load_rejects"), key)
    for reject in report.rejects:
        values = (*key, reject.rule, reject.column, reject.rows)
        cursor.execute(sql("insert_load_rejects"), values)
    for retired in warehouse.retire_batches(cursor, feed):
        log.info("%s %s: newer batches replace it, its rows left staging", feed.id, retired)
    log.info(
        "%s %s: raw %d = rejected %d + loaded %d",
        feed.id,
        batch_id,
        report.raw_rows,
        report.rejected_rows,
        rows,
    )
    return rows


def _check_manifest(report: Report, s3: S3Reader) -> list[tuple[str, int]]:
    """URL and bytes of each file in the manifest, whose hash must be the report's."""
    content = s3.read(report.manifest_url)
    if hashlib.sha256(content).hexdigest() != report.manifest_sha256:
        raise PermanentLoadError(
            f"{report.manifest_url} is not the manifest that its report describes; nothing was "
            "loaded. Clear the preprocess task and run it again."
        )
    entries = json.loads(content)["entries"]
    return [(entry["url"], entry["meta"]["content_length"]) for entry in entries]


def _expect(cursor: Cursor, rows: int, where: str, report: Report) -> None:
    row = cursor.fetchone()
    counted = row[0] if row else None
    if counted != rows:
        raise LoadError(
            f"{where} says {counted} rows, the files of {report.manifest_url} have {rows}; "
            "the load was rolled back"
        )


def _explain(connection: Connection, feed: Feed, batch_id: str, error: Exception) -> str:
    """What went wrong, the warehouse's own load errors, and what to do.

    Of a feed with sensitive columns it keeps the words to itself that may hold values.
    """
    sensitive = preflight.sensitive_columns(feed)
    said = server_fields(error).get("M", type(error).__name__) if sensitive else say(error)
    lines = [
        f"batch {batch_id} of {feed.id} was not loaded, its transaction was rolled back: {said}"
    ]
    found: Sequence[Sequence[Any]] = ()
    try:
        with warehouse.transaction(connection) as cursor:
            cursor.execute(sql("load_errors"))
            found = cursor.fetchall()
    except Exception as second:  # noqa: BLE001 the load's own error is the one to report
        log.warning("sys_load_error_detail can't be read: %s", second)
    for file, line, column, kind, code, message in found:
        place = [f"file {str(file).strip()}"]
        place += [f"line {line}"] if line else []
        place += [f"column {str(column).strip()} ({str(kind).strip()})"] if column else []
        shown = "(not shown: sensitive)" if sensitive else str(message).strip()
        lines.append(f"  {', '.join(place)}: {shown} [{code}]")
    lines.append(_remedy(say(error), found, fault_of(error)))
    return "\n".join(lines)


def _remedy(said: str, load_errors: Sequence[object], fault: Fault) -> str:
    if "does not exist" in said and ".parquet" in said:
        return "A file of the batch is gone: clear the preprocess task, which writes it again."
    if load_errors:
        return "Correct the raw file or the contract, then clear the preprocess task."
    if fault is Fault.PERMANENT:
        return (
            "Every try would end so. Correct what it names: the COPY role's permissions, the table "
            "or the contract; then clear this task, or preprocessing if files have to change."
        )
    return "It may pass: the task is tried again. If it stays, look at the warehouse's health."
