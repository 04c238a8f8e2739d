"""A client's session: reads its messages, plans its statements, relays the answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from infra.local.redshift.catalog.install import Catalog
from infra.local.redshift.commands.fault_statement import Fault
from infra.local.redshift.commands.run import run_command
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.channel import Channel, ConnectionClosed
from infra.local.redshift.session.extended import Extended
from infra.local.redshift.session.faults import Faults, fault_error
from infra.local.redshift.session.lookup import Planner
from infra.local.redshift.session.query_log import Caller, QueryLog, Run
from infra.local.redshift.session.reading import read
from infra.local.redshift.session.relay import Answer, Expected, Relay
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.parser import literal
from infra.local.redshift.translate.result import Context, Plan, TransactionVerb
from infra.local.redshift.translate.statement import plain

logger = logging.getLogger("starlift.redshift")

_QUERY = ord("Q")
REFUSE = "select pg_internal.raise_refused()"
# Several statements in one Query are one transaction, unless they say otherwise.
_TRANSACTION_WORDS = ("begin", "start", "commit", "end", "rollback", "abort", "vacuum")


@dataclass(frozen=True)
class Shared:
    """What all sessions of a gateway have in common."""

    settings: Settings
    catalog: Catalog
    faults: Faults
    log: QueryLog


class Session:
    """The state of one authenticated client."""

    def __init__(
        self,
        client: Channel,
        relay: Relay,
        caller: Caller,
        shared: Shared,
    ) -> None:
        self.client = client
        self.relay = relay
        self.caller = caller
        self.settings = shared.settings
        self.context = Context(database=shared.settings.database, denied=shared.catalog.denied)
        self.faults = shared.faults
        self.log = shared.log
        self.planner = Planner(relay, caller, shared.catalog.views, shared.log)
        self.extended = Extended(self)
        relay.backend.channel.listener = client.poke

    async def run(self) -> None:
        """Serve the client until it leaves or its PostgreSQL connection ends."""
        while True:
            kind, payload = await self._next()
            if kind == ord("X"):
                return
            if kind == ord("Q"):
                await self.simple(messages.read_cstring(payload)[0])
            elif not await self.extended.handle(kind, payload):
                raise messages.ProtocolError(f"unexpected message {chr(kind)!r}")

    async def _next(self) -> tuple[int, bytes]:
        """The client's next message; notices when PostgreSQL ends the session meanwhile."""
        backend = self.relay.backend.channel
        while True:
            if self.relay.running:
                await self.relay.finish()
            if self.client.has_message():
                return await self.client.message()
            if backend.closed or backend.buffer:
                await self._unasked()
            self.client.taker = self._at_once
            try:
                await self.client.fill()
            finally:
                self.client.taker = None

    def _at_once(self) -> bool:
        """Send on what has just come when nothing has to be asked or awaited before.

        Tells whether the session's task has to wake and see to it instead: a short query costs
        half when it need not.
        """
        relay = self.relay
        if relay.running or relay.expected or self.faults.waiting or self.client.muted:
            return True
        try:
            received = self.client.whole_messages()
            if received is None:
                return True
            if received[0][0] == _QUERY:
                sent = len(received) == 1 and self._simple_at_once(received[0][1])
            else:
                sent = self.extended.at_once(received)
        except messages.ProtocolError:
            return True  # the task meets it again, and ends the session
        if not sent:
            return True
        self.client.buffer.clear()
        self.relay.start()
        return False

    def _simple_at_once(self, payload: bytes) -> bool:
        """Queue a simple Query of one plain statement; False when it is something else."""
        sql = messages.read_cstring(payload)[0]
        plan = plain(sql, self.context)
        if plan is None:
            return False
        self.relay.fresh = plan.verb is TransactionVerb.BEGIN
        self.relay.send(
            messages.query(plan.sql),
            Expected(
                Answer.EXECUTE,
                tag=plan.tag,
                to_original=plan.to_original,
                run=self.begin(plan, sql),
            ),
            Expected(Answer.SYNC),
        )
        return True

    async def _unasked(self) -> None:
        """What PostgreSQL says by itself: a notice, or that the session ends."""
        channel = self.relay.backend.channel
        while channel.has_message():
            kind, payload = await channel.message()
            if kind == ord("E"):
                self.relay.ended = True
                self.client.write(messages.message(b"E", payload))
                raise ConnectionClosed
            self.client.write(messages.message(bytes([kind]), payload))
        if channel.closed:
            raise GatewayError("57P01", "terminating connection: PostgreSQL has gone away")

    async def plan(self, sql: str, tokens: list[Token]) -> Plan | GatewayError:
        """The plan of a statement, or why it is refused."""
        try:
            plan = await self.planner.plan(sql, tokens, self.context)
        except GatewayError as error:
            return error
        if plan.used is not None:
            self.context = replace(self.context, used=plan.used)
        if plan.case_sensitive is not None:
            self.context = replace(self.context, case_sensitive=plan.case_sensitive)
        return plan

    def begin(self, plan: Plan, text: str) -> Run:
        """A planned statement starts to run, written in the client's `text` or in a part of it."""
        run = self.log.begin(
            self.caller, text, plan.original, in_transaction=self.relay.status != b"I"
        )
        if plan.label is not None:
            self.caller.label = plan.label or "default"
        return run

    def fault(self, plan: Plan) -> Fault | None:
        """The fault that a statement is to meet; none in a transaction that has failed."""
        return None if self.relay.status == b"E" else self.faults.take(plan.original)

    def lose(self) -> None:
        """End the client's connection without a word."""
        self.client.abort()
        raise ConnectionClosed

    async def simple(self, sql: str) -> None:
        """A simple Query: its statements one by one, in one transaction when there are several."""
        try:
            statements = await read(sql)
        except GatewayError as error:
            await self.refuse(error)
            return
        if not statements:
            self.client.write(messages.EMPTY_QUERY + messages.ready(self.relay.status))
            return
        wrapped = (
            len(statements) > 1
            and self.relay.status == b"I"
            and not any(tokens[0].is_word(*_TRANSACTION_WORDS) for tokens in statements)
        )
        if wrapped:
            await self.relay.hidden_query("begin")
        for number, tokens in enumerate(statements):
            last = number == len(statements) - 1 and not wrapped
            text = sql if len(statements) == 1 else ""
            if not await self._statement(sql, tokens, last, text):
                if wrapped and self.relay.status != b"I":
                    await self.relay.hidden_query("rollback")
                    self.client.write(messages.ready(b"I"))
                elif not last:
                    self.client.write(messages.ready(self.relay.status))
                return
        if wrapped:
            if self.relay.status == b"T":
                await self.relay.hidden_query("commit")
            self.client.write(messages.ready(self.relay.status))

    async def _statement(self, sql: str, tokens: list[Token], last: bool, text: str) -> bool:
        """Run one statement of a simple Query; False when it failed."""
        plan = await self.plan(sql, tokens)
        if isinstance(plan, GatewayError):
            return await self.refuse(plan, last)
        if plan.fault is not None:
            if self.relay.status != b"E":
                plan = plan.with_sql(
                    f"select {literal(self.faults.apply(plan.fault))}::varchar "
                    f"as {plan.fault.action.value}"
                )
            return await self._run(plan, last, text)
        fault = self.fault(plan)
        if fault is Fault.LOST_BEFORE:
            self.lose()
        if fault is Fault.LOST_AFTER:
            self.client.muted = True
            await self._run(plan, last, text)
            self.lose()
        if fault is not None:
            return await self._fail(plan, fault_error(fault, self.relay.backend.pid), last)
        return await self._run(plan, last, text)

    async def _fail(self, plan: Plan, error: GatewayError, last: bool) -> bool:
        """Let a statement fail; a COMMIT that fails ends the transaction."""
        if not plan.commits:
            return await self.refuse(error, last)
        await self.relay.hidden_query("rollback")
        self.client.write(error.wire() + (messages.ready(b"I") if last else b""))
        return False

    async def _run(self, plan: Plan, last: bool, text: str) -> bool:
        """Run a planned statement of a simple Query; False when it failed."""
        self.relay.fresh = False
        run = self.begin(plan, text or plan.original)
        if plan.command is not None:
            return await self.command(plan, last, run)
        self.relay.last_error = None
        after = plan.after if self.relay.status == b"T" else ()
        self.relay.send(
            messages.query(plan.sql),
            Expected(Answer.EXECUTE, tag=plan.tag, to_original=plan.to_original, run=run),
            Expected(Answer.SYNC, visible=last and not after),
        )
        await self.relay.run()
        if self.relay.last_error is not None:
            self.relay.last_error = None
            if after and last:
                self.client.write(messages.ready(self.relay.status))
            return False
        self.relay.fresh = plan.verb is TransactionVerb.BEGIN
        for following in after:
            await self.relay.hidden_query(following)
        if after and last:
            self.client.write(messages.ready(self.relay.status))
        return True

    async def refuse(self, error: GatewayError, last: bool = True) -> bool:
        """Let the statement fail in PostgreSQL, so that an open transaction fails with it."""
        self.relay.send(
            messages.query(REFUSE),
            Expected(Answer.EXECUTE, error=error, in_failed=error.in_failed),
            Expected(Answer.SYNC, visible=last),
        )
        await self.relay.run()
        self.relay.last_error = None
        return False

    async def command(self, plan: Plan, last: bool, run: Run) -> bool:
        """Run COPY or UNLOAD inside the client's transaction."""
        assert plan.command is not None  # noqa: S101 for the type checker
        if self.relay.status == b"E":
            return await self.refuse(
                GatewayError(
                    "25P02",
                    "current transaction is aborted, commands ignored until end of "
                    "transaction block",
                ),
                last,
            )
        try:
            done = await run_command(plan.command, self.relay, self.settings, self.plan, run)
        except GatewayError as error:
            error.in_failed = True
            return await self.refuse(error, last)
        self.client.write(done)
        if last:
            self.client.write(messages.ready(self.relay.status))
        return True
