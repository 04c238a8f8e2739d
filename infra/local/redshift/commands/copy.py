"""COPY: from S3 into the client's table, on the client's own PostgreSQL connection.

The client's transaction holds the rows: nothing is seen before its commit, everything is gone
after its rollback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.commands import parquet, s3, text_files
from infra.local.redshift.commands.copy_statement import CopyStatement, Format
from infra.local.redshift.commands.encoding import encode
from infra.local.redshift.commands.history import Load, record
from infra.local.redshift.commands.load_errors import Rejects
from infra.local.redshift.commands.stream import copy_in
from infra.local.redshift.commands.target import Target, find_target
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.settings import Settings


async def run_copy(statement: CopyStatement, relay: Relay, settings: Settings) -> bytes:
    """Load the files; returns the client's messages. Raises GatewayError, the history written."""
    limit = None if statement.ignore_all_errors else statement.max_error
    load = Load(statement, relay.backend.pid, relay.database, Rejects(statement.table[-1], limit))
    in_transaction = relay.status == b"T"
    try:
        load.target = await find_target(statement, relay)
        await _load(load, load.target, relay)
    except GatewayError as error:
        relay.command_id = await record(load, settings, error)
        raise
    relay.command_id = query_id = await record(load, settings, None)
    if in_transaction or relay.status == b"I":
        await relay.hidden_query(
            f"select set_config('redshift.last_copy_count', '{load.rows}', false), "
            f"set_config('redshift.last_copy_id', '{query_id}', false)"
        )
    return b"".join(_notice(text) for text in _told(load)) + messages.command_complete(
        f"COPY {load.rows}"
    )


def _told(load: Load) -> Iterator[str]:
    """What the client is told about a load that succeeded."""
    table = load.statement.table[-1]
    if load.rejects.count:
        yield (
            f"Load into table '{table}' completed, {load.rejects.count} record(s) could not be "
            "loaded.  Check 'stl_load_errors' system table for details."
        )
    yield f"Load into table '{table}' completed, {load.rows} record(s) loaded successfully."


def _notice(text: str) -> bytes:
    return messages.fields_message(
        b"N", [("S", "INFO"), ("V", "INFO"), ("C", "00000"), ("M", text)]
    )


async def _load(load: Load, target: Target, relay: Relay) -> None:
    """Find the files, read and send them."""
    statement = load.statement
    client = await asyncio.to_thread(s3.client)
    if statement.manifest:
        load.files = await asyncio.to_thread(
            s3.manifest_objects,
            client,
            statement.url,
            need_length=statement.format is Format.PARQUET,
        )
    else:
        load.files = await asyncio.to_thread(s3.objects, client, statement.url)
    if statement.format is Format.PARQUET:
        batches = parquet.batches(client, load.files, target.columns, statement, load.scanned)
    else:
        batches = text_files.batches(
            client, load.files, target.columns, statement, load.rejects, load.scanned
        )
    try:
        if statement.no_load:
            await asyncio.to_thread(_read, batches)
        else:
            load.rows = await copy_in(relay, target, encode(batches, target.columns))
    except (ClientError, BotoCoreError) as error:
        raise s3.failed(error, statement.url) from error


def _read(batches: Iterator[pa.RecordBatch]) -> None:
    """NOLOAD: everything is read and checked, nothing is sent."""
    for _ in batches:
        pass
