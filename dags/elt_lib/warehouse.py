"""The warehouse tables that loading owns: staging tables as the contract says, ledger and locks."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any, Protocol

from elt_lib.contract import Batches, Column, Feed
from elt_lib.redshift_types import RedshiftType

log = logging.getLogger(__name__)

SQL = Path(__file__).parent / "sql"
STAGING = "staging"
OPS = "ops"
LEDGER_GAINED = {"load_started_at": "timestamp"}
"""Columns that the ledger got after its first version, for tables that are older."""


class Cursor(Protocol):
    """What this library uses of a DB-API cursor."""

    def execute(self, operation: str, args: Sequence[Any] = ...) -> Any:
        """Run one statement."""

    def fetchone(self) -> Sequence[Any] | None:
        """Return the next row."""

    def fetchall(self) -> Sequence[Sequence[Any]]:
        """Return the remaining rows."""


class Connection(Protocol):
    """What this library uses of a DB-API connection (redshift_connector's, autocommit off)."""

    def cursor(self) -> Any:
        """Open a cursor."""

    def commit(self) -> None:
        """Commit the transaction."""

    def rollback(self) -> None:
        """Roll the transaction back."""

    def close(self) -> None:
        """End the session."""


class SchemaDrift(ValueError):
    """A staging table can't be brought to its contract without a migration."""


def sql(name: str, **names: str) -> str:
    """Read a statement of the ``sql`` folder; ``$name`` stands for identifiers of our own."""
    return Template((SQL / f"{name}.sql").read_text()).substitute(names)


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """Give a cursor; commit at the end, roll back on any exception."""
    try:
        cursor = connection.cursor()
        yield cursor
        connection.commit()
    except BaseException:
        try:
            connection.rollback()
        except Exception as error:  # noqa: BLE001 the first error is the one to raise
            log.warning("rollback failed, the server rolls back by itself: %s", error)
        raise


def ensure_tables(connection: Connection, feeds: Iterable[Feed]) -> None:
    """Create what is missing: schemas, the ledger's tables, per feed its staging table and lock.

    Adds columns that a contract has gained. Raises SchemaDrift where a type has changed or a
    column was removed. Safe to run at any time. ``feeds`` are those of all sources.
    """
    feeds = list(feeds)
    with transaction(connection) as cursor:
        cursor.execute(f"create schema if not exists {STAGING}")
        cursor.execute(f"create schema if not exists {OPS}")
        cursor.execute(sql("create_load_ledger"))
        present = _columns(cursor, OPS, "load_ledger")
        for name, kind in LEDGER_GAINED.items():
            if name not in present:
                cursor.execute(f"alter table {OPS}.load_ledger add column {name} {kind}")
        cursor.execute(sql("create_load_rejects"))
        cursor.execute(sql("create_feed_freshness"))
        # Several sources' first builds at once must not race to create it (macro shared_table).
        cursor.execute(f"create table if not exists {OPS}.lock__shared_tables (nothing smallint)")
        ensure_accounting(cursor, {feed.source for feed in feeds})
    for feed in feeds:
        ensure_table(connection, feed)


def ensure_accounting(cursor: Cursor, sources: Collection[str]) -> None:
    """Create the accounting of all sources: a view over one table per source.

    The tables are dbt's (models ``ops_<source>_rows``), each rebuilt by its source's DAG alone, so
    that DAGs of several sources run at once. They are created here empty, because a late-binding
    view over a table that is not there can't be read, and a source may never have run.
    """
    for source in sorted(sources):
        cursor.execute(sql("create_source_rows", source=source))
    staged = "\n    union all\n    ".join(
        sql("select_source_rows", source=source).strip() for source in sorted(sources)
    )
    cursor.execute(sql("create_row_accounting", staged=staged))


def ensure_table(connection: Connection, feed: Feed) -> None:
    """Bring one staging table to its contract; raises SchemaDrift if that takes a migration."""
    with transaction(connection) as cursor:
        present = table_columns(cursor, feed)
        if not present:
            cursor.execute(f"create table if not exists ops.lock__{feed.table} (nothing smallint)")
            cursor.execute(create_table(feed))
            log.info("created %s.%s", STAGING, feed.table)
            return
        drift = drift_of(feed, present)
        if drift:
            raise SchemaDrift(_drift_message(feed, present, drift))
        for column in feed.table_columns:
            if column.name not in present:
                cursor.execute(
                    f"alter table {STAGING}.{feed.table} add column {column.name} {column.type}"
                )
                log.info("added %s to %s.%s", column.name, STAGING, feed.table)


def table_columns(cursor: Cursor, feed: Feed) -> dict[str, RedshiftType]:
    """The staging table's columns in order; empty if there is no such table."""
    return _columns(cursor, STAGING, feed.table)


def retire_batches(cursor: Cursor, feed: Feed) -> list[str]:
    """Take the rows of batches that newer ones replaced out of staging; returns the batches.

    Which are newer goes by the interval, not by the time of the load. The ledger's row stays, as
    `retired`; a batch without rows replaces none. Runs in the load's own transaction.
    """
    if feed.batches is not Batches.REPLACE:
        return []
    cursor.execute(sql("loaded_batches"), (feed.source, feed.name))
    retired = [str(row[0]) for row in cursor.fetchall()][feed.keep_batches :]
    for batch_id in retired:
        cursor.execute(sql("delete_batch", table=feed.table), (batch_id,))
        cursor.execute(sql("retire_ledger_entry"), (feed.source, feed.name, batch_id))
    return retired


def drift_of(feed: Feed, present: dict[str, RedshiftType]) -> list[str]:
    """Sentences on each column of the table that the contract contradicts."""
    declared = {column.name: column for column in feed.table_columns}
    found = []
    for name, actual in present.items():
        if name not in declared:
            found.append(f"column {name} is in the table but no longer in the contract")
        elif declared[name].type != actual:
            found.append(
                f"column {name} is {actual} in the table, {declared[name].type} in the contract"
            )
    return found


def create_table(feed: Feed) -> str:
    """DDL of a feed's staging table.

    No primary key, although the contract knows it: Redshift doesn't enforce keys but plans with
    them, and raw files do repeat theirs ("Defining table constraints", Database Developer Guide).
    """
    columns = ",\n    ".join(_column_ddl(column) for column in feed.table_columns)
    dist = feed.layout.dist
    diststyle = (
        f"diststyle {dist}" if dist in {"auto", "even", "all"} else f"diststyle key distkey({dist})"
    )
    sort = f"compound sortkey({', '.join(sort_key(feed.layout.sort))})"
    name = f"{STAGING}.{feed.table}"
    return f"create table if not exists {name} (\n    {columns}\n)\n{diststyle}\n{sort}"


def sort_key(declared: Sequence[str]) -> tuple[str, ...]:
    """Sort columns of a staging table: the batch first, then what the contract declares.

    A load deletes and counts one batch and a merge reads a few; sorted by it they skip the blocks
    of all others ("Working with sort keys", Database Developer Guide).
    """
    return ("_batch_id", *declared)


def _columns(cursor: Cursor, schema: str, table: str) -> dict[str, RedshiftType]:
    cursor.execute(sql("table_columns"), (schema, table))
    return {row[0]: _catalog_type(*row[1:]) for row in cursor.fetchall()}


def _column_ddl(column: Column) -> str:
    return f"{column.name} {column.type}{' not null' if column.required else ''}"


def _catalog_type(
    data_type: str, length: int | None, precision: int | None, scale: int | None
) -> RedshiftType:
    if data_type in {"character varying", "character"}:
        return RedshiftType.parse(f"{data_type}({length})")
    if data_type == "numeric":
        return RedshiftType.parse(f"numeric({precision},{scale})")
    return RedshiftType.parse(data_type)


def migration(feed: Feed, present: dict[str, RedshiftType]) -> list[str]:
    """Statements that bring a table to a contract it contradicts, and keep its rows.

    The old table stays under another name, for a look before it is dropped. (Redshift changes a
    column's type in place only for some: "ALTER TABLE", Database Developer Guide.)
    """
    table, before = f"{STAGING}.{feed.table}", f"{feed.table}__before"
    kept = [column for column in feed.table_columns if column.name in present]
    names = ", ".join(column.name for column in kept)
    values = ", ".join(
        column.name
        if present[column.name] == column.type
        else f"cast({column.name} as {column.type}) as {column.name}"
        for column in kept
    )
    return [
        "begin",
        f"alter table {table} rename to {before}",
        create_table(feed),
        f"insert into {table} ({names})\nselect {values}\nfrom {STAGING}.{before}",
        "commit",
    ]


def _drift_message(feed: Feed, present: dict[str, RedshiftType], drift: Sequence[str]) -> str:
    lines = "\n".join(f"  {line}" for line in drift)
    statements = ";\n".join(migration(feed, present))
    return (
        f"{STAGING}.{feed.table} and the contract of {feed.id} ({feed.declared_in}) differ:\n"
        f"{lines}\n"
        "Nothing was loaded. Either restore the contract, or migrate the table, when you have "
        f"looked at the casts (one to a shorter text cuts it):\n\n{statements};\n\n"
        f"Then clear the task, and drop {STAGING}.{feed.table}__before when all is well."
    )
