"""PostgreSQL's COPY FROM STDIN on the session's own connection, fed by threads.

One thread decodes and encodes, another sends, PostgreSQL takes: three stages at once, with little
between them. The event loop only watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from infra.local.redshift.commands.target import Target
from infra.local.redshift.errors import INTERNAL_ERROR, GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.backend import error_from
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.translate.parser import quote

# Encoded pieces that wait for being sent; bounds the memory.
_WAITING = 4
# Bytes of one CopyData message, and how many messages one system call takes.
_MESSAGE, _AT_ONCE = 64 * 1024, 64
# Seconds after which a blocked thread looks whether it should stop.
_LOOK = 0.1
Part = tuple[bytes, int]


class Spooling(Relay):
    """A connection that cannot stream, because a procedure runs on it: rows go through files."""

    async def load(self, target: Target, parts: Iterator[Part]) -> int:
        """Load the parts into a table; returns the rows."""
        raise NotImplementedError

    async def unload(self, query: str, write: Callable[[list[bytes]], None]) -> int:
        """Give `write` blocks of a query's rows, as of COPY's text format; returns the rows."""
        raise NotImplementedError


async def copy_in(relay: Relay, target: Target, parts: Iterator[Part]) -> int:
    """Run a COPY … FROM STDIN and send the parts; returns PostgreSQL's count of rows.

    Raises what the iterator raises (PostgreSQL's COPY has failed with it), or PostgreSQL's error.
    """
    if isinstance(relay, Spooling):
        return await relay.load(target, parts)
    columns = ", ".join(quote(column.name) for column in target.columns)
    sql = f"copy {target.sql_name} ({columns}) from stdin (format binary)"
    channel = relay.backend.channel
    channel.write(messages.query(sql))
    error = await _until_copy_starts(relay)
    if error is not None:
        raise error
    sender = _Sender(channel.socket_copy(), parts)
    watch = asyncio.ensure_future(_error_comes(relay))
    work = asyncio.wrap_future(sender.start())
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        sender.stopping.set()  # at its end anyway, unless PostgreSQL has an error to tell
        await asyncio.wait({work})
    except BaseException:
        # The client has gone: PostgreSQL sees the connection end within the COPY.
        sender.kill()
        channel.abort()
        raise
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await watch
    failure = None if work.cancelled() else work.exception()
    channel.write(
        messages.COPY_DONE if failure is None else messages.copy_fail(str(failure)[:1000])
    )
    told, count = await _until_ready(relay)
    if failure is not None:
        raise failure
    if told is not None:
        raise told
    if count != sender.rows:
        raise GatewayError(INTERNAL_ERROR, f"PostgreSQL took {count} of {sender.rows} rows")
    return count


async def _error_comes(relay: Relay) -> None:
    """Return when PostgreSQL has an error to tell; notices go to the client."""
    channel = relay.backend.channel
    while True:
        if channel.buffer and channel.buffer[0] == ord("E"):
            return
        if channel.has_message():
            kind, payload = await channel.message()
            if kind == ord("N"):
                relay.client.write(messages.message(b"N", payload))
        else:
            await channel.fill()


class _Sender:
    """The two threads and the queue between them."""

    def __init__(self, connection: socket.socket, parts: Iterator[Part]) -> None:
        self._socket, self._parts = connection, parts
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_WAITING)
        self.stopping = threading.Event()
        self.rows = 0  # that were given out
        self._done: Future[None] = Future()

    def start(self) -> Future[None]:
        """Start both; the future ends when everything is sent, or with what went wrong."""
        threading.Thread(target=self._produce, name="copy-encode", daemon=True).start()
        threading.Thread(target=self._consume, name="copy-send", daemon=True).start()
        return self._done

    def kill(self) -> None:
        """Stop at once, in the middle of a message; the connection is lost."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _produce(self) -> None:
        end: BaseException | None = None
        try:
            for data, rows in self._parts:
                self.rows += rows
                if not self._put(data):
                    return
        except Exception as error:  # noqa: BLE001 it is raised where the result is awaited
            end = error
        self._put(end)

    def _put(self, item: bytes | BaseException | None) -> bool:
        while not self.stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_LOOK)
                return True
        return False

    def _consume(self) -> None:
        failure: BaseException | None = None
        try:
            while not self.stopping.is_set():
                try:
                    item = self._queue.get(timeout=_LOOK)
                except queue.Empty:
                    continue
                if not isinstance(item, bytes):
                    failure = item
                    break
                self._send(item)
        except OSError:
            pass  # PostgreSQL has gone; its channel tells
        finally:
            self._socket.close()
            if failure is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(failure)

    def _send(self, data: bytes) -> None:
        """The bytes as CopyData messages, whole even when stopping: the protocol stays in step.

        Small messages stay in the processor's cache on PostgreSQL's side; many go at once.
        """
        writable = select.poll()
        writable.register(self._socket, select.POLLOUT)
        whole = memoryview(data)
        for start in range(0, len(data), _MESSAGE * _AT_ONCE):
            views: list[memoryview] = []
            for at in range(start, min(start + _MESSAGE * _AT_ONCE, len(data)), _MESSAGE):
                part = whole[at : at + _MESSAGE]
                views += [memoryview(b"d" + (len(part) + 4).to_bytes(4, "big")), part]
            first = 0
            while first < len(views):
                try:
                    sent = self._socket.sendmsg(views[first:])
                except BlockingIOError:
                    writable.poll(_LOOK * 1000)
                    continue
                while first < len(views) and sent >= len(views[first]):
                    sent -= len(views[first])
                    first += 1
                if sent:
                    views[first] = views[first][sent:]


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
        elif kind == ord("N"):
            relay.client.write(messages.message(b"N", payload))
        elif kind == ord("Z"):
            relay.status = payload[:1]
            return error, count
