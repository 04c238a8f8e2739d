"""One socket: buffered reading of whole messages, writing with back-pressure."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import cast

from infra.local.redshift.protocol.messages import MAX_MESSAGE, ProtocolError

# Bytes buffered from one side before reading pauses.
HIGH_WATER = 4 * 1024 * 1024
# Seconds that a client may take for the TLS handshake.
HANDSHAKE_SECONDS = 20.0


class ConnectionClosed(Exception):
    """The other side has gone."""


class Channel(asyncio.Protocol):
    """A connection as a buffer of incoming bytes and a transport for outgoing ones."""

    def __init__(
        self,
        on_made: Callable[[Channel], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self.buffer = bytearray()
        self.closed = False
        self.encrypted = False
        self.muted = False  # what is written is dropped: the other side must not hear of it
        self.listener: Callable[[], None] | None = None  # called when bytes come or the end
        # Takes bytes as they come, without a task having to wake; tells whether one has to.
        self.taker: Callable[[], bool] | None = None
        self._transport: asyncio.Transport | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading_paused = False
        self._on_made = on_made
        self._on_lost = on_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's call when the socket is open."""
        self._transport = cast(asyncio.Transport, transport)
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """asyncio's call with received bytes."""
        self.buffer += data
        if self.taker is not None and not self.taker() and len(self.buffer) <= HIGH_WATER:
            return
        if len(self.buffer) > HIGH_WATER and not self._reading_paused and self._transport:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        """asyncio's call when the socket is gone."""
        self.closed = True
        self._writable.set()
        self._wake()
        if self._on_lost is not None:
            self._on_lost()

    def pause_writing(self) -> None:
        """asyncio's call when the outgoing buffer is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """asyncio's call when the outgoing buffer has drained."""
        self._writable.set()

    def _wake(self) -> None:
        self.poke()
        if self.listener is not None:
            self.listener()

    def poke(self) -> None:
        """Let whoever waits in `fill` look again."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def fill(self) -> None:
        """Wait for more bytes in `buffer`; raises ConnectionClosed when none will come."""
        if self.closed:
            raise ConnectionClosed
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on encrypted, as the server; raises ConnectionClosed when the client gives up."""
        if self.buffer:
            raise ProtocolError("bytes came between the request for TLS and its answer")
        if self._transport is None or self.closed:
            raise ConnectionClosed
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self._transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except (OSError, EOFError, TimeoutError) as error:
            raise ConnectionClosed from error
        if transport is None:
            raise ConnectionClosed
        self._transport = transport
        self.encrypted = True

    @property
    def peer(self) -> tuple[str, int]:
        """The other side's address and port; empty and 0 once it has gone."""
        told = None if self._transport is None else self._transport.get_extra_info("peername")
        return (str(told[0]), int(told[1])) if told else ("", 0)

    @property
    def cipher(self) -> tuple[str, str]:
        """TLS's version and cipher, empty texts without TLS."""
        told = None if self._transport is None else self._transport.get_extra_info("cipher")
        return (str(told[1]), str(told[0])) if told else ("", "")

    @property
    def has_room(self) -> bool:
        """Whether the outgoing buffer takes more."""
        return self._writable.is_set()

    def write(self, data: bytes | bytearray) -> None:
        """Queue bytes for sending; what is written after the other side has gone is dropped."""
        if self._transport is not None and not self.closed and not self.muted:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the outgoing buffer has room; raises ConnectionClosed."""
        if not self._writable.is_set():
            await self._writable.wait()
        if self.closed:
            raise ConnectionClosed

    def socket_copy(self) -> socket.socket:
        """A second handle on the socket, for sending in a thread while nothing is queued here."""
        if self._transport is None or self.closed:
            raise ConnectionClosed
        return socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno()))

    def close(self) -> None:
        """Send what is queued, then close."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def has_message(self) -> bool:
        """Whether a whole message is buffered; raises ProtocolError when it is none."""
        return len(self.buffer) >= 5 and len(self.buffer) > self._size()

    def _size(self) -> int:
        """The length that the buffered message's header gives; raises ProtocolError."""
        size = int.from_bytes(self.buffer[1:5], "big")
        if size < 4 or size > MAX_MESSAGE:
            raise ProtocolError(f"a message of {size} bytes; between 4 and {MAX_MESSAGE} allowed")
        return size

    def whole_messages(self) -> list[tuple[int, bytes]] | None:
        """The buffered messages, left in the buffer; None when the last is not whole."""
        found: list[tuple[int, bytes]] = []
        buffer, position = self.buffer, 0
        size = len(buffer)
        while position < size:
            end = position + 1 + int.from_bytes(buffer[position + 1 : position + 5], "big")
            if end > size or end < position + 5:
                return None
            found.append((buffer[position], bytes(buffer[position + 5 : end])))
            position = end
        return found

    async def message(self) -> tuple[int, bytes]:
        """The next message as (type byte, payload)."""
        while len(self.buffer) < 5:
            await self.fill()
        size = self._size()
        while len(self.buffer) < size + 1:
            await self.fill()
        kind = self.buffer[0]
        payload = bytes(self.buffer[5 : size + 1])
        del self.buffer[: size + 1]
        return kind, payload

    async def startup_message(self) -> tuple[int, bytes]:
        """The untyped first message as (request or protocol number, rest)."""
        while len(self.buffer) < 8:
            await self.fill()
        size = int.from_bytes(self.buffer[:4], "big")
        if size < 8 or size > 64 * 1024:
            raise ProtocolError(f"a start-up message of {size} bytes")
        while len(self.buffer) < size:
            await self.fill()
        code = int.from_bytes(self.buffer[4:8], "big")
        payload = bytes(self.buffer[8:size])
        del self.buffer[:size]
        return code, payload
