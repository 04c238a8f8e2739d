"""A connection to the embedded PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.local.redshift.errors import CONNECTION_FAILURE, GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.channel import Channel, ConnectionClosed
from infra.local.redshift.protocol.scram import ScramClient


@dataclass
class Backend:
    """An open, authenticated connection and what PostgreSQL told about it."""

    host: str
    port: int
    channel: Channel
    pid: int = 0
    key: bytes = b""
    parameters: dict[str, str] = field(default_factory=dict)

    async def cancel(self) -> None:
        """Ask PostgreSQL to cancel what this connection runs (a connection of its own)."""
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(asyncio.Protocol, self.host, self.port)
        except OSError:
            return
        transport.write(messages.cancel_request(self.pid, self.key))
        transport.close()

    async def query(self, sql: str) -> list[list[str | None]]:
        """Run one simple query, return its rows as text; raises GatewayError with its error.

        Only for a connection on which nothing else is awaited.
        """
        self.channel.write(messages.query(sql))
        rows: list[list[str | None]] = []
        error: GatewayError | None = None
        while True:
            kind, payload = await self.channel.message()
            if kind == ord("D"):
                rows.append(messages.read_data_row(payload))
            elif kind == ord("E"):
                error = error_from(messages.read_fields(payload))
            elif kind == ord("Z"):
                if error is not None:
                    raise error
                return rows

    def close(self) -> None:
        """Say goodbye and close; PostgreSQL rolls back what is open."""
        self.channel.write(messages.message(b"X"))
        self.channel.close()


def error_from(fields: dict[str, str]) -> GatewayError:
    """A GatewayError from PostgreSQL's error fields."""
    error = GatewayError(
        fields.get("C", "XX000"),
        fields.get("M", "unknown error"),
        detail=fields.get("D"),
        hint=fields.get("H"),
    )
    error.context = fields.get("W", "")
    return error


async def connect(
    host: str,
    port: int,
    parameters: Mapping[str, str],
    password: str,
    on_lost: Callable[[], None] | None = None,
) -> Backend:
    """Connect and authenticate; raises GatewayError when PostgreSQL is away or refuses."""
    loop = asyncio.get_running_loop()
    channel = Channel(on_lost=on_lost)
    try:
        await loop.create_connection(lambda: channel, host, port)
    except OSError as error:
        raise GatewayError(
            CONNECTION_FAILURE,
            f"PostgreSQL behind the gateway does not answer on {host}:{port}",
            hint="Start it with `python -m infra.local.postgres` (or `make up`).",
        ) from error
    backend = Backend(host, port, channel)
    channel.write(messages.startup(parameters))
    try:
        await _authenticate(backend, password)
    except ConnectionClosed as error:
        raise GatewayError(
            CONNECTION_FAILURE, "PostgreSQL closed the connection during start-up"
        ) from error
    except BaseException:
        channel.abort()
        raise
    return backend


async def _authenticate(backend: Backend, password: str) -> None:
    """Answer the server until it is ready for queries."""
    channel, scram = backend.channel, ScramClient(password)
    while True:
        kind, payload = await channel.message()
        if kind == ord("R"):
            code = int.from_bytes(payload[:4], "big")
            if code == 10:
                first = scram.first()
                body = messages.cstring(scram.mechanism) + len(first).to_bytes(4, "big") + first
                channel.write(messages.message(b"p", body))
            elif code == 11:
                channel.write(messages.message(b"p", scram.final(payload[4:])))
            elif code == 12:
                scram.verify(payload[4:])
            elif code != 0:
                raise GatewayError(
                    CONNECTION_FAILURE, f"PostgreSQL asks for authentication method {code}"
                )
        elif kind == ord("S"):
            name, offset = messages.read_cstring(payload)
            backend.parameters[name] = messages.read_cstring(payload, offset)[0]
        elif kind == ord("K"):
            backend.pid, backend.key = int.from_bytes(payload[:4], "big"), payload[4:]
        elif kind == ord("E"):
            raise error_from(messages.read_fields(payload))
        elif kind == ord("Z"):
            return
