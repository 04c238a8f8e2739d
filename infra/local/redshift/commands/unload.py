"""UNLOAD: the result of a query to files on S3, read on the client's own connection.

Nothing is whole in memory: rows come in blocks, files go in parts. What was written stays when
the client's transaction is rolled back, as on AWS.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.commands import s3
from infra.local.redshift.commands.history import Unload, record_unload
from infra.local.redshift.commands.unload_files import Destination
from infra.local.redshift.commands.unload_source import OutColumn, Row, copy_out, describe, fields
from infra.local.redshift.commands.unload_statement import UnloadFormat, UnloadStatement
from infra.local.redshift.commands.unload_writers import Writer, writer
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.parser import quote

# Types that a partition column may have (r_UNLOAD, "PARTITION BY clause").
_PARTITION_TYPES = frozenset(
    {
        "smallint",
        "integer",
        "bigint",
        "numeric",
        "real",
        "boolean",
        "character",
        "character varying",
        "date",
        "timestamp without time zone",
    }
)


async def run_unload(
    statement: UnloadStatement, query: str, relay: Relay, settings: Settings
) -> bytes:
    """Write the files; `query` is PostgreSQL's form of the statement's. Returns the messages."""
    unload = Unload(statement, relay.backend.pid, relay.database, datetime.now(UTC))
    in_transaction = relay.status == b"T"
    try:
        await _unload(unload, query, relay)
    except GatewayError as error:
        relay.command_id = await record_unload(unload, settings, error)
        raise
    relay.command_id = query_id = await record_unload(unload, settings, None)
    if in_transaction or relay.status == b"I":
        await relay.hidden_query(
            f"select set_config('redshift.last_unload_count', '{unload.rows}', false), "
            f"set_config('redshift.last_unload_id', '{query_id}', false)"
        )
    notice = f"UNLOAD completed, {unload.rows} record(s) unloaded successfully."
    return messages.fields_message(
        b"N", [("S", "INFO"), ("V", "INFO"), ("C", "00000"), ("M", notice)]
    ) + messages.command_complete("UNLOAD")


async def _unload(unload: Unload, query: str, relay: Relay) -> None:
    """Look at the destination, then write."""
    statement = unload.statement
    columns = await _scaled(await describe(relay, query), query, relay, statement)
    places = _places(columns, statement)
    sql = query
    if places:  # one partition after the other, rows in the query's order
        names = ", ".join(quote(name) for name in statement.partition_by)
        sql = (
            "select * from (select *, row_number() over () as redshift_row "  # noqa: S608
            f"from ({query}\n) as unloaded) as numbered order by {names}, redshift_row"
        )
    try:
        client = await asyncio.to_thread(s3.client)
        destination = Destination(client, statement)
        await asyncio.to_thread(destination.prepare)
        kept = [n for n in range(len(columns)) if statement.include or n not in places]
        out = writer(destination, [columns[n] for n in kept], statement)
        write = _partitioned(destination, out, places, kept) if places else _plain(out)
        try:
            unload.rows = await copy_out(relay, sql, write)
            await asyncio.to_thread(out.finish)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(out.abort))
            raise
        if statement.manifest:
            await asyncio.to_thread(destination.manifest, columns)
        unload.files = destination.written
    except (ClientError, BotoCoreError) as error:
        raise s3.failed(error, statement.url) from error


async def _scaled(
    columns: list[OutColumn], query: str, relay: Relay, statement: UnloadStatement
) -> list[OutColumn]:
    """Columns with a precision and scale for computed NUMERIC ones, where a file needs them."""
    if statement.format is not UnloadFormat.PARQUET and not statement.verbose:
        return columns
    out = []
    for column in columns:
        if column.type == "numeric" and column.precision is None:
            rows = await relay.hidden_query(
                f"select max(scale({quote(column.name)})) from ({query}\n) as unloaded"  # noqa: S608
            )
            scale = int(rows[0][0] or 0)
            column = dataclasses.replace(column, precision=38, scale=min(scale, 37))  # noqa: PLW2901
        out.append(column)
    return out


def _places(columns: list[OutColumn], statement: UnloadStatement) -> list[int]:
    """Where the partition columns stand in the result; raises GatewayError for wrong ones."""
    names = [column.name for column in columns]
    places = []
    for name in statement.partition_by:
        if name not in names:
            raise GatewayError("42703", f'column "{name}" of PARTITION BY is not in the query')
        place = names.index(name)
        if columns[place].type not in _PARTITION_TYPES:
            raise GatewayError(
                "0A000", f"PARTITION BY a column of type {columns[place].type} is not supported"
            )
        places.append(place)
    if places and len(set(places)) == len(columns):
        raise GatewayError(
            "0A000", "PARTITION BY needs at least one column that is not a partition column"
        )
    return places


def _plain(out: Writer) -> Callable[[list[bytes]], None]:
    """What writes a block of rows."""
    return lambda block: out.write([fields(line) for line in block])


def _partitioned(
    destination: Destination, out: Writer, places: list[int], kept: list[int]
) -> Callable[[list[bytes]], None]:
    """What writes a block of rows that come partition by partition."""
    current: list[Row] = []

    def key(row: Row) -> Row:
        return [row[place] for place in places]

    def write(block: list[bytes]) -> None:
        for partition, rows in groupby(map(fields, block), key):
            if [partition] != current:
                out.finish()
                destination.enter(partition)
                current[:] = [partition]
            out.write([[row[n] for n in kept] for row in rows])

    return write
