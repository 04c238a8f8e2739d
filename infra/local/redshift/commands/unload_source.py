"""The rows that UNLOAD writes: PostgreSQL's COPY TO STDOUT on the session's own connection."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.redshift.commands.stream import Spooling
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.backend import error_from
from infra.local.redshift.protocol.channel import Channel
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.translate.parser import literal

# Bytes of rows that are written at a time.
_BLOCK = 1024 * 1024
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
# PostgreSQL's type oids (pg_type.dat) and Redshift's names.
_TYPES = {
    16: "boolean",
    20: "bigint",
    21: "smallint",
    23: "integer",
    25: "character varying",
    114: "super",
    700: "real",
    701: "double precision",
    1042: "character",
    1043: "character varying",
    1082: "date",
    1083: "time without time zone",
    1114: "timestamp without time zone",
    1184: "timestamp with time zone",
    1700: "numeric",
}
Row = list[str | None]


@dataclass(frozen=True)
class OutColumn:
    """One column of the result; `type` as Redshift names it."""

    name: str
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether its values are character strings."""
        return self.type in ("character", "character varying")


async def describe(relay: Relay, sql: str) -> list[OutColumn]:
    """The columns of a query; raises GatewayError with PostgreSQL's error."""
    if isinstance(relay, Spooling):
        rows = await relay.hidden_query(
            f"select * from pg_internal.query_shape({literal(sql)})"  # noqa: S608 a literal
        )
        return [_column(str(name), int(str(oid)), int(str(size))) for name, oid, size in rows]
    channel = relay.backend.channel
    channel.write(messages.query(f"select * from ({sql}\n) as unloaded limit 0"))  # noqa: S608
    described = bytes(2)
    error: GatewayError | None = None
    while True:
        kind, payload = await channel.message()
        if kind == ord("T"):
            described = payload
        elif kind == ord("E"):
            error = error_from(messages.read_fields(payload))
        elif kind == ord("Z"):
            relay.status = payload[:1]
            if error is not None:
                raise error
            return _columns(described)


def _columns(payload: bytes) -> list[OutColumn]:
    """A RowDescription's columns; raises GatewayError for types that are not unloaded."""
    (count,) = struct.unpack_from("!H", payload)
    offset, columns = 2, []
    for _ in range(count):
        name, offset = messages.read_cstring(payload, offset)
        _, _, oid, _, modifier, _ = struct.unpack_from("!IhIhih", payload, offset)
        offset += 18
        columns.append(_column(name, oid, modifier))
    return columns


def _column(name: str, oid: int, modifier: int) -> OutColumn:
    kind = _TYPES.get(oid)
    if kind is None:
        raise GatewayError(
            "0A000",
            f"UNLOAD of column {name} is not supported by the local Redshift gateway",
            detail=f"Its type has the oid {oid}.",
        )
    if kind == "numeric" and modifier > 4:
        packed = modifier - 4
        return OutColumn(name, kind, precision=packed >> 16 & 0xFFFF, scale=packed & 0x7FF)
    if oid in (1042, 1043):
        return OutColumn(name, kind, length=modifier - 4 if modifier > 4 else None)
    return OutColumn(name, kind)


async def copy_out(relay: Relay, query: str, write: Callable[[list[bytes]], None]) -> int:
    """Run a COPY (query) TO STDOUT; `write` gets blocks of rows in a thread. Returns the rows.

    What `write` raises is raised when PostgreSQL has told the rest, which is dropped.
    """
    if isinstance(relay, Spooling):
        return await relay.unload(query, write)
    channel = relay.backend.channel
    channel.write(messages.query(f"copy ({query}\n) to stdout"))
    count = 0
    error: GatewayError | None = None
    failure: BaseException | None = None
    writing: asyncio.Task[None] | None = None
    try:
        while True:
            block = _buffered_rows(channel)
            if block:
                count += len(block)
                if writing is not None:
                    failure = failure or await _outcome(writing)
                writing = None
                if failure is None:
                    writing = asyncio.ensure_future(asyncio.to_thread(write, block))
                continue
            if channel.has_message() and channel.buffer[0] != ord("d"):
                kind, payload = await channel.message()
                if kind == ord("E"):
                    error = error_from(messages.read_fields(payload))
                elif kind == ord("Z"):
                    relay.status = payload[:1]
                    break
                continue
            await channel.fill()
    except BaseException:
        channel.abort()  # the client has gone, or PostgreSQL has
        raise
    if writing is not None:
        failure = failure or await _outcome(writing)
    if error is not None:
        raise error
    if failure is not None:
        raise failure
    return count


async def _outcome(task: asyncio.Task[None]) -> BaseException | None:
    """What a task failed with, when it has ended."""
    await asyncio.wait({task})
    return task.exception()


def _buffered_rows(channel: Channel) -> list[bytes]:
    """Whole rows that are buffered, up to a block; each CopyData is one row."""
    buffer, position, rows = channel.buffer, 0, []
    size = len(buffer)
    while size - position >= 5 and buffer[position] == 100 and position < _BLOCK:
        end = position + 1 + int.from_bytes(buffer[position + 1 : position + 5], "big")
        if end > size:
            break
        rows.append(bytes(buffer[position + 5 : end]))
        position = end
    if position:
        del buffer[:position]
    return rows


def fields(line: bytes) -> Row:
    r"""A row of COPY's text format: `\N` is NULL, backslashes escape."""
    text = line.decode().removesuffix("\n")
    if "\\" not in text:
        return list(text.split("\t"))
    return [
        None
        if part == "\\N"
        else _ESCAPED.sub(lambda match: _ESCAPES.get(match.group(1), match.group(1)), part)
        for part in text.split("\t")
    ]
