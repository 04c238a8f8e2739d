"""Passing PostgreSQL's answers on to the client.

What PostgreSQL will answer is known: each message sent to it leaves an `Expected` entry in a
queue. DataRows are passed on in whole chunks, undecoded; the few messages that differ between
PostgreSQL and Redshift are replaced on the way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.local.redshift.errors import GatewayError, redshift_fields, wire_fields
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.backend import Backend
from infra.local.redshift.protocol.channel import Channel, ConnectionClosed
from infra.local.redshift.session.changes import Changes
from infra.local.redshift.session.expected import ENDS, Answer, Exchange, Expected
from infra.local.redshift.session.whole_answers import answered
from infra.local.redshift.translate.long_names import whole, whole_bytes

_D, _E, _Z, _T, _C, _S, _N, _A = (ord(c) for c in "DEZTCSNA")
_SUSPENDED = ord("s")
_HIDDEN = "redshift_hidden"
_QUESTION = b"CRSASK\0"  # the SQLSTATE of catalog/72_dynamic.sql
_IGNORED_PARAMETERS = frozenset(
    {"server_version", "in_hot_standby", "scram_iterations", "standard_conforming_strings"}
)


@dataclass
class Relay:
    """The two sockets of a session and the answers that are due."""

    client: Channel
    backend: Backend
    database: str = ""  # that the session has logged in to
    changes: Changes = field(default_factory=Changes)
    exchange: Exchange | None = None  # what `start` sent, as long as its answer is whole
    expected: deque[Expected] = field(default_factory=deque)
    unsent: list[bytes] = field(default_factory=list)
    status: bytes = b"I"  # transaction status at the last ReadyForQuery
    failed: bool = False  # an error came: everything up to Sync is skipped
    running: bool = False  # what `start` began has not ended
    unsynced: bool = False  # the client's extended messages since its last Sync
    changing: bool = False  # names change with the end of the transaction
    fresh: bool = False  # a transaction has begun and nothing has run in it
    ended: bool = False  # PostgreSQL has told why it ends the session
    last_error: GatewayError | None = None
    on_question: Callable[[str, str], bool] | None = None  # takes what a procedure asks
    command_id: int | None = None  # the id of the session's last COPY or UNLOAD in the history

    def send(self, data: bytes, *expected: Expected) -> None:
        """Queue a message for PostgreSQL and what it will answer; `run` sends it."""
        self.unsent.append(data)
        self.expected.extend(expected)

    async def run(self) -> None:
        """Pass answers on until none is due (or, after an error, until the next Sync)."""
        channel = self.backend.channel
        if self.unsent:
            channel.write(b"".join(self.unsent))
            self.unsent.clear()
        channel.taker = self._take
        try:
            while self.expected and not self._step():
                if self.client.closed or not self.client.has_room:
                    await self.client.drain()
                    continue  # what came meanwhile woke nobody: look before waiting for more
                try:
                    await channel.fill()
                except ConnectionClosed:
                    self._step()
                    raise
        finally:
            channel.taker = None
        await self.client.drain()

    @property
    def waits(self) -> bool:
        """Whether an answer is due."""
        return bool(self.expected) or self.exchange is not None

    def start(self, data: bytes, exchange: Exchange) -> None:
        """Send a statement; its answer is passed on when it comes, no task has to wake for it."""
        channel = self.backend.channel
        channel.write(data)
        self.running = True
        self.exchange = exchange
        channel.taker = self._pass_on

    def _pass_on(self) -> bool:
        """Pass on what has come of a `start`; True when a task has to take over."""
        if not self.client.has_room:
            return True
        channel, exchange = self.backend.channel, self.exchange
        if exchange is not None:
            answer = answered(channel.buffer, exchange.plan.tag)
            if answer is None:
                self._take_apart()
            else:
                data, tag, status = answer
                channel.buffer.clear()
                self.exchange = None
                exchange.run.end(tag)
                self._ready(status)
                self.client.write(data)
        if self.expected and not self._step():
            return False
        self.running = False
        self.last_error = None
        channel.taker = None
        return bool(channel.buffer)

    def _take_apart(self) -> None:
        """Expect the answers of an exchange one by one."""
        if self.exchange is not None:
            self.expected.extend(self.exchange.expected())
            self.exchange = None

    async def finish(self) -> None:
        """Wait for the end of what `start` began."""
        self._take_apart()
        await self.run()
        self.running = False
        self.last_error = None

    def renames(self) -> None:
        """A statement begins that may change what names mean, at once and when it is committed."""
        self.changes.count += 1
        self.changing = True

    def _ready(self, status: bytes) -> None:
        """PostgreSQL is ready for the next query."""
        self.status = status
        self.failed = self.unsynced = False
        if self.changing and status == b"I":
            self.changing = False
            self.changes.count += 1

    def _take(self) -> bool:
        """Pass on what has just come; the task wakes when all is done or the client is slow."""
        return not self.client.has_room or self._step()

    def _step(self) -> bool:
        """Handle the buffered messages; True when nothing more is due."""
        buffer = self.backend.channel.buffer
        size, position, start = len(buffer), 0, 0
        expected = self.expected
        out: list[bytes | bytearray] = []
        while expected and size - position >= 5:
            kind = buffer[position]
            end = position + 1 + int.from_bytes(buffer[position + 1 : position + 5], "big")
            if end > size:
                break
            head = expected[0]
            if kind == _D and head.visible:
                position = end
                continue
            replaced = self._one(kind, buffer, position, end, head)
            if replaced is not None:
                if position > start:
                    out.append(buffer[start:position])
                if replaced:
                    out.append(replaced)
                start = end
            position = end
        if position > start:
            out.append(buffer[start:position])
        if out:
            self.client.write(out[0] if len(out) == 1 else b"".join(out))
        del buffer[:position]
        return not expected

    def _one(  # noqa: PLR0911 a branch per kind of message
        self, kind: int, buffer: bytearray, position: int, end: int, head: Expected
    ) -> bytes | None:
        """Handle one message: None to pass it on as it is, else what the client gets instead."""
        hidden = b"" if not head.visible else None
        if kind == _E:
            return self._error(bytes(buffer[position + 5 : end]), head)
        if kind in (_N, _S, _A):
            return self._notice(kind, bytes(buffer[position + 5 : end]), head)
        if kind == _Z:
            self.expected.popleft()
            self._ready(bytes(buffer[position + 5 : position + 6]))
            return hidden
        if kind == _T:
            if head.answer is Answer.DESCRIBE:
                self.expected.popleft()
            if head.no_rows:
                return messages.NO_DATA if head.answer is Answer.DESCRIBE else b""
            if not head.visible:
                return b""
            return messages.message(
                b"T", messages.redshift_types(bytes(buffer[position + 5 : end]), whole_bytes)
            )
        if kind == _D:
            if head.rows is not None:
                head.rows.append(messages.read_data_row(bytes(buffer[position + 5 : end])))
            return b""
        if kind in ENDS[head.answer]:
            self.expected.popleft()
            if head.run is not None and head.answer is Answer.EXECUTE and kind != _SUSPENDED:
                head.run.end(bytes(buffer[position + 5 : end]))
            if kind == _C and head.visible and head.tag is not None:
                return messages.command_complete(head.tag)
        return hidden

    def _error(self, payload: bytes, head: Expected) -> bytes:
        """An error: what follows up to Sync is not answered."""
        fields = messages.read_fields(payload)
        fatal = fields.get("V") in ("FATAL", "PANIC")
        self.ended = self.ended or fatal
        aborted = fields.get("C") == "25P02" and not head.in_failed
        if head.error is not None and not fatal and not aborted:
            self.last_error = head.error
            wire = head.error.wire()
        else:
            fields |= {kind: whole(fields[kind]) for kind in "MD" if kind in fields}
            mapped = redshift_fields(fields, head.to_original, self.database)
            self.last_error = GatewayError(
                mapped.get("C", "XX000"),
                mapped.get("M", ""),
                detail=mapped.get("D"),
                hint=mapped.get("H"),
            )
            wire = wire_fields(b"E", mapped)
        if head.run is not None:
            head.run.end(error=self.last_error.message)
        while self.expected and self.expected[0].answer is not Answer.SYNC:
            self.expected.popleft()
        self.failed = True
        return wire

    def _notice(self, kind: int, payload: bytes, head: Expected) -> bytes | None:
        """Notices pass (not those of hidden statements); some parameters are ours to tell."""
        if kind == _S:
            name, _ = messages.read_cstring(payload)
            return b"" if name in _IGNORED_PARAMETERS else None
        if kind == _N and self.on_question is not None and _QUESTION in payload:
            fields = messages.read_fields(payload)
            if self.on_question(fields.get("M", ""), fields.get("D", "")):
                return b""
        return b"" if kind == _N and not head.visible else None

    async def hidden(self, data: bytes, *expected: Expected) -> None:
        """Exchange messages that the client does not see; raises GatewayError with their error.

        Only when nothing is due. After an error PostgreSQL is made ready again; a transaction
        that is open has failed with it, as with any error.
        """
        saved, self.client = self.client, _Silent()
        self.last_error = None
        try:
            self.send(data, *expected)
            await self.run()
            if self.failed:
                self.send(messages.SYNC, Expected(Answer.SYNC, visible=False))
                await self.run()
        finally:
            self.client = saved
        if self.last_error is not None:
            error, self.last_error = self.last_error, None
            error.in_failed = True
            raise error

    async def hidden_query(self, sql: str) -> list[list[str | None]]:
        """Run one statement that the client does not see and return its rows."""
        rows: list[list[str | None]] = []
        execute = Expected(Answer.EXECUTE, visible=False, rows=rows)
        if self.unsynced:  # a simple Query would commit what the client has not synced yet
            await self.hidden(
                messages.parse(_HIDDEN, sql)
                + messages.bind_text(_HIDDEN, _HIDDEN, [])
                + messages.execute(_HIDDEN)
                + messages.message(b"C", b"P" + messages.cstring(_HIDDEN))
                + messages.message(b"C", b"S" + messages.cstring(_HIDDEN))
                + messages.FLUSH,
                Expected(Answer.PARSE, visible=False),
                Expected(Answer.BIND, visible=False),
                execute,
                Expected(Answer.CLOSE, visible=False),
                Expected(Answer.CLOSE, visible=False),
            )
        else:
            await self.hidden(messages.query(sql), execute, Expected(Answer.SYNC, visible=False))
        return rows


class _Silent(Channel):
    """A client that hears nothing."""

    def write(self, data: bytes | bytearray) -> None:
        """Drop it."""

    async def drain(self) -> None:
        """Nothing to wait for."""
