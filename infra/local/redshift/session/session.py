"""A client's session: reads its messages, plans its statements, relays the answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from infra.local.redshift.catalog.install import Catalog
from infra.local.redshift.commands.fault_statement import Fault
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.channel import Channel, ConnectionClosed
from infra.local.redshift.session.changes import Changes, keeps_names
from infra.local.redshift.session.expected import Answer, Expected
from infra.local.redshift.session.extended import Extended
from infra.local.redshift.session.faults import Faults
from infra.local.redshift.session.lookup import Planner
from infra.local.redshift.session.query_log import Caller, QueryLog, Run
from infra.local.redshift.session.questions import Questions
from infra.local.redshift.session.quick import Quick
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.session.simple import Simple
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.admin import is_on
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.result import Context, Plan

logger = logging.getLogger("starlift.redshift")

_QUERY, _OF_COPY = ord("Q"), b"dcf"
# What a session reads of its settings, which ALTER USER and the gateway's parameters may have set.
_SETTINGS = (
    "select pg_internal.current_setting('enable_case_sensitive_identifier'), "
    "pg_internal.current_setting('query_group')"
)
# How a session begins in another database than PostgreSQL's own.
_ELSEWHERE = "select pg_internal.enter(), pg_internal.begin_session()"
# Fails before it tells any columns.
REFUSE = "select pg_internal.no_statement"


@dataclass(frozen=True)
class Shared:
    """What all sessions of a gateway have in common."""

    settings: Settings
    catalog: Catalog
    faults: Faults
    log: QueryLog
    changes: Changes


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
        self.context = Context(
            database=relay.database,
            first=shared.settings.database,
            denied=shared.catalog.denied,
        )
        self.faults = shared.faults
        self.log = shared.log
        self.planner = Planner(relay, caller, shared.catalog.views, shared.log)
        self.quick = Quick(self)
        self.planned_at = 0  # the changes that were counted before the last plan was made
        self.simple = Simple(self)
        self.extended = Extended(self)
        self.questions = Questions(self, shared)
        relay.on_question = self.questions.asked
        self._at_login = (False, "default")  # names in their case, query_group
        relay.backend.channel.listener = client.poke

    async def run(self) -> None:
        """Serve the client until it leaves or its PostgreSQL connection ends."""
        try:
            await self._serve()
        finally:
            self.questions.close()

    async def _serve(self) -> None:
        """Read the settings of the login, then one message after the other."""
        if self.context.away:
            await self.relay.hidden_query(_ELSEWHERE)
        ((sensitive, label),) = await self.relay.hidden_query(_SETTINGS)
        self._at_login = (is_on(str(sensitive)), str(label))
        self._reset("all")
        while True:
            kind, payload = await self._next()
            if kind == ord("X"):
                return
            if kind == ord("Q"):
                await self.simple.query(messages.read_cstring(payload)[0])
            elif kind in _OF_COPY:
                pass  # a client that has not seen yet that its COPY failed
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
        if relay.running or relay.expected or relay.unsent or relay.failed:
            return True
        if self.faults.waiting or self.client.muted:
            return True
        return not self.quick.send()

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
        self.planned_at = self.relay.changes.count
        self.planner.passing = False
        try:
            plan = await self.planner.plan(sql, tokens, self.context)
        except GatewayError as error:
            return error
        if plan.used is not None:
            self.context = replace(self.context, used=plan.used)
        if plan.case_sensitive is not None:
            self.context = replace(self.context, case_sensitive=plan.case_sensitive)
        return plan

    def _reset(self, name: str) -> None:
        """Take a setting's value of the login, or of all that the session reads."""
        sensitive, label = self._at_login
        if name in ("all", "enable_case_sensitive_identifier"):
            self.context = replace(self.context, case_sensitive=sensitive)
        if name in ("all", "query_group"):
            self.caller.label = label

    def begin(self, plan: Plan, text: str) -> Run:
        """A planned statement starts to run, written in the client's `text` or in a part of it."""
        run = self.log.begin(
            self.caller, text, plan.original, in_transaction=self.relay.status != b"I"
        )
        if not keeps_names(plan.original):
            self.relay.renames()
        if plan.label is not None:
            self.caller.label = plan.label or "default"
        if plan.resets:
            self._reset(plan.resets)
        return run

    def failing(self, text: str) -> Run:
        """A statement that cannot run: it is in the log when it ends with its error."""
        return self.log.begin(
            self.caller, text, text.lstrip(), in_transaction=self.relay.status != b"I"
        )

    def fault(self, plan: Plan) -> Fault | None:
        """The fault that a statement is to meet; none in a transaction that has failed."""
        return None if self.relay.status == b"E" else self.faults.take(plan.original)

    def lose(self) -> None:
        """End the client's connection without a word."""
        self.client.abort()
        raise ConnectionClosed

    async def refuse(self, error: GatewayError, last: bool = True, run: Run | None = None) -> bool:
        """Let the statement fail in PostgreSQL, so that an open transaction fails with it."""
        self.relay.send(
            messages.query(REFUSE),
            Expected(Answer.EXECUTE, error=error, in_failed=error.in_failed, run=run),
            Expected(Answer.SYNC, visible=last),
        )
        await self.relay.run()
        self.relay.last_error = None
        return False
