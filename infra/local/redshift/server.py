"""Listening, the registry for cancel requests, start and stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from infra.local.redshift.catalog.install import install
from infra.local.redshift.errors import INTERNAL_ERROR, PROTOCOL_VIOLATION, GatewayError
from infra.local.redshift.protocol.channel import Channel, ConnectionClosed
from infra.local.redshift.protocol.messages import ProtocolError
from infra.local.redshift.protocol.tls import server_context
from infra.local.redshift.session.changes import Changes
from infra.local.redshift.session.faults import Faults
from infra.local.redshift.session.login import authenticate
from infra.local.redshift.session.query_log import Caller, QueryLog
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.session.session import Session, Shared
from infra.local.redshift.session.startup import (
    CancelRequest,
    first_message,
    open_backend,
    welcome,
)
from infra.local.redshift.settings import Settings

logger = logging.getLogger("starlift.redshift")


class Gateway:
    """The server: one task per client."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._shared: Shared | None = None
        self._tls = None if settings.tls_folder is None else server_context(settings.tls_folder)
        self._sessions: dict[tuple[int, bytes], Relay] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Prepare PostgreSQL, then listen; returns the port."""
        catalog = await install(self.settings)
        self._shared = Shared(self.settings, catalog, Faults(), QueryLog(self.settings), Changes())
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._accept, self.settings.host, self.settings.port, backlog=256
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def _accept(self) -> Channel:
        """A protocol for a new connection, with its task."""
        task: asyncio.Task[None] | None = None

        def made(channel: Channel) -> None:
            nonlocal task
            assert self._shared is not None  # noqa: S101 it listens since `start`
            task = asyncio.get_running_loop().create_task(self._serve(channel, self._shared))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def lost() -> None:
            if task is not None:
                task.cancel()

        return Channel(made, lost)

    async def stop(self) -> None:
        """Stop listening and end all sessions; PostgreSQL rolls back what is open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        if self._shared is not None:
            await self._shared.log.write()

    async def _serve(self, client: Channel, shared: Shared) -> None:
        """One client from its first byte to its last."""
        relay: Relay | None = None
        try:
            first = await first_message(client, self._tls)
            if isinstance(first, CancelRequest):
                await self._cancel(first)
                return
            connection = shared.log.connections.opened(client, first)
            try:
                login = await authenticate(client, first, self.settings)
            except GatewayError:
                connection.note("authentication failure")
                raise
            connection.note("authenticated")
            backend = await open_backend(first, login, self.settings, lambda: None)
            relay = Relay(client, backend, login.database, shared.changes)
            self._sessions[backend.pid, backend.key] = relay
            client.write(welcome(backend))
            connection.note("initiating session", backend.pid)
            caller = Caller(login.role, login.database, backend.pid)
            await Session(client, relay, caller, shared).run()
        except GatewayError as error:
            client.write(error.wire("FATAL"))
        except ProtocolError as error:
            client.write(GatewayError(PROTOCOL_VIOLATION, str(error)).wire("FATAL"))
        except ConnectionClosed:
            if relay is not None and relay.backend.channel.closed and not relay.ended:
                client.write(
                    GatewayError("57P01", "terminating connection: PostgreSQL has gone away").wire(
                        "FATAL"
                    )
                )
        except asyncio.CancelledError:
            pass  # the client has gone, or the gateway stops
        except Exception:
            logger.exception("a session failed")
            client.write(
                GatewayError(INTERNAL_ERROR, "internal error of the gateway").wire("FATAL")
            )
        finally:
            if relay is not None:
                self._end(relay)
                connection.note("disconnecting session", relay.backend.pid)
            client.close()

    def _end(self, relay: Relay) -> None:
        """Close a session's PostgreSQL connection, cancelling what it still runs."""
        self._sessions.pop((relay.backend.pid, relay.backend.key), None)
        if relay.changing:
            relay.changes.count += 1  # by its rollback, or by a commit whose answer is lost
        if relay.waits and not relay.backend.channel.closed:
            task = asyncio.get_running_loop().create_task(relay.backend.cancel())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            relay.backend.channel.abort()
        else:
            relay.backend.close()

    async def _cancel(self, request: CancelRequest) -> None:
        """Pass a cancel request on to PostgreSQL when its key is right."""
        relay = self._sessions.get((request.pid, request.key))
        if relay is not None:
            await relay.backend.cancel()


async def serve(settings: Settings, ready: Callable[[int], None] | None = None) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    gateway = Gateway(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    port = await gateway.start()
    logger.info("Redshift gateway on %s:%d, database %s", settings.host, port, settings.database)
    if ready is not None:
        ready(port)
    await stopping.wait()
    logger.info("stopping")
    await gateway.stop()
