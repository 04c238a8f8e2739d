"""COPY: from S3 into the client's table, on the client's own PostgreSQL connection.

The client's transaction holds the rows: nothing is seen before its commit, everything is gone
after its rollback. Files are decoded in a thread, a batch at a time, while PostgreSQL takes the
batch before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.commands import csv_files, parquet, s3
from infra.local.redshift.commands.copy_statement import CopyStatement, Format
from infra.local.redshift.commands.history import LineError, Load, record
from infra.local.redshift.commands.target import Target, find_target
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.backend import error_from
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.parser import quote

_T = TypeVar("_T")
# Bytes per CopyData message.
_CHUNK = 1024 * 1024


async def run_copy(statement: CopyStatement, relay: Relay, settings: Settings) -> bytes:
    """Load the files; returns the client's messages. Raises GatewayError, the history written."""
    load = Load(statement, relay.backend.pid)
    in_transaction = relay.status == b"T"
    try:
        load.target = await find_target(statement, relay)
        await _load(load, load.target, relay)
    except GatewayError as error:
        await record(load, settings, error)
        raise
    query_id = await record(load, settings, None)
    if in_transaction or relay.status == b"I":
        await relay.hidden_query(
            f"select set_config('redshift.last_copy_count', '{load.rows}', false), "
            f"set_config('redshift.last_copy_id', '{query_id}', false)"
        )
    notice = (
        f"Load into table '{statement.table[-1]}' completed, "
        f"{load.rows} record(s) loaded successfully."
    )
    return messages.fields_message(
        b"N", [("S", "INFO"), ("V", "INFO"), ("C", "00000"), ("M", notice)]
    ) + messages.command_complete(f"COPY {load.rows}")


async def _load(load: Load, target: Target, relay: Relay) -> None:
    """Find the files, start PostgreSQL's COPY, send it all."""
    statement = load.statement
    client = await asyncio.to_thread(s3.client)
    if statement.manifest:
        items = await asyncio.to_thread(
            s3.manifest_objects,
            client,
            statement.url,
            need_length=statement.format is Format.PARQUET,
        )
    else:
        items = await asyncio.to_thread(s3.objects, client, statement.url)
    load.files, load.size = len(items), sum(item.size for item in items)
    columns = ", ".join(quote(column.name) for column in target.columns)
    if statement.format is Format.PARQUET:
        stream = parquet.encode(client, items, target.columns)
        options = "format binary"
    else:
        stream = csv_files.encode(client, items, statement)
        options = csv_files.options(statement, target.columns)
    await _send(
        load,
        relay,
        f"copy {target.sql_name} ({columns}) from stdin ({options})",
        stream,
    )


async def _send(load: Load, relay: Relay, sql: str, stream: Iterator[tuple[bytes, int]]) -> None:
    """PostgreSQL's COPY FROM STDIN; the stream's errors fail it."""
    channel = relay.backend.channel
    channel.write(messages.query(sql))
    error = await _until_copy_starts(relay)
    if error is not None:
        raise error
    failure: GatewayError | None = None
    try:
        pending = asyncio.ensure_future(asyncio.to_thread(_next, stream))
        while True:
            part = await pending
            if part is None or channel.buffer:
                break  # the end, or PostgreSQL has an error to tell
            data, rows = part
            pending = asyncio.ensure_future(asyncio.to_thread(_next, stream))
            load.rows += rows
            for start in range(0, len(data), _CHUNK):
                channel.write(messages.message(b"d", data[start : start + _CHUNK]))
                await channel.drain()
    except GatewayError as caught:
        failure = caught
    except (ClientError, BotoCoreError) as caught:
        failure = s3.failed(caught, load.statement.url)
    channel.write(messages.COPY_DONE if failure is None else messages.copy_fail(str(failure)))
    told, count = await _until_ready(relay)
    if failure is not None:
        raise failure
    if told is not None:
        raise LineError.of(told, load.statement) if load.statement.format is Format.CSV else told
    load.rows = count


def _next(stream: Iterator[tuple[bytes, int]]) -> tuple[bytes, int] | None:
    return next(stream, None)


async def _until_copy_starts(relay: Relay) -> GatewayError | None:
    """Wait for CopyInResponse; an error instead (after which PostgreSQL is ready again)."""
    error: GatewayError | None = None
    while True:
        kind, payload = await relay.backend.channel.message()
        if kind == ord("G"):
            return None
        if kind == ord("E"):
            error = error_from(messages.read_fields(payload))
        elif kind == ord("Z"):
            relay.status = payload[:1]
            return error


async def _until_ready(relay: Relay) -> tuple[GatewayError | None, int]:
    """Wait for ReadyForQuery; PostgreSQL's error and the number of rows that it took."""
    error: GatewayError | None = None
    count = 0
    while True:
        kind, payload = await relay.backend.channel.message()
        if kind == ord("C"):
            count = int(messages.read_cstring(payload)[0].split()[-1])
        elif kind == ord("E"):
            error = error_from(messages.read_fields(payload))
        elif kind == ord("Z"):
            relay.status = payload[:1]
            return error, count
