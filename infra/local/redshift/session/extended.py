"""The extended protocol: Parse, Bind, Describe, Execute, Close, Flush, Sync."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infra.local.redshift.commands.fault_statement import Fault, FaultStatement
from infra.local.redshift.commands.run import run_command
from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.expected import Answer, Expected
from infra.local.redshift.session.faults import fault_error
from infra.local.redshift.session.query_log import Run
from infra.local.redshift.session.quick import Prepared
from infra.local.redshift.session.reading import read
from infra.local.redshift.translate.result import Plan, TransactionVerb

if TYPE_CHECKING:
    from infra.local.redshift.session.session import Session

_REFUSE = "select pg_internal.raise_refused()"
# Fails when it is parsed, as what cannot be translated has to; the client gets its own error.
_NO_STATEMENT = "select pg_internal.no_statement"
_EMPTY = Plan("", "")
_NONE = Prepared(_EMPTY, "", repeats=False, changes=0)


class Extended:
    """Prepared statements and portals of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._relay = session.relay
        self.statements: dict[str, Prepared] = {}
        self.portals: dict[str, Prepared] = {}

    async def handle(self, kind: int, payload: bytes) -> bool:
        """Handle one message; False when it is none of this protocol."""
        letter = chr(kind)
        if letter == "S":
            self._relay.send(messages.SYNC, Expected(Answer.SYNC))
            await self._relay.run()
            self._relay.last_error = None
            if self._session.client.muted:
                self._session.lose()
        elif letter == "H":
            if not self._session.client.has_message():
                await self._flush()
        elif letter not in "PBDEC":
            return False
        elif self._relay.failed:
            pass  # skipped until Sync
        elif letter == "P":
            await self._parse(messages.ParseMessage.read(payload))
        elif letter == "B":
            await self._bind(payload)
        elif letter == "D":
            self._describe(payload)
        elif letter == "E":
            await self._execute(payload)
        else:
            self._close(payload)
        return True

    def _executed(self, prepared: Prepared, payload: bytes) -> None:
        """Queue an Execute of a statement that PostgreSQL runs."""
        plan = prepared.plan
        expected = self._expected(Answer.EXECUTE, plan)
        if plan is not _EMPTY:
            expected.run = self._session.begin(plan, prepared.text)
        self._relay.fresh = plan.verb is TransactionVerb.BEGIN
        self._relay.send(messages.message(b"E", payload), expected)

    async def _flush(self) -> None:
        """Have everything answered that is due."""
        if self._relay.expected:
            self._relay.send(messages.FLUSH)
            await self._relay.run()

    async def _parse(self, message: messages.ParseMessage) -> None:
        plan: Plan | GatewayError
        try:
            statements = await read(message.sql)
            if len(statements) > 1:
                raise GatewayError(
                    SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement"
                )
        except GatewayError as error:
            plan = error
        else:
            plan = _EMPTY
            if statements:
                await self._flush()
                if self._relay.failed:
                    return
                plan = await self._session.plan(message.sql, statements[0])
        self._parsed(message, plan)

    def _parsed(self, message: messages.ParseMessage, plan: Plan | GatewayError) -> None:
        """Keep a statement's plan and queue its Parse, which fails when there is none."""
        self._relay.unsynced = True
        types, sql = b"\0\0", _NO_STATEMENT
        prepared = None
        if isinstance(plan, Plan):
            prepared = self._session.quick.prepared(plan, message.sql, message.name, message.types)
            self.statements[message.name] = prepared
            types, sql = (types, _REFUSE) if plan.command is not None else (message.types, plan.sql)
        expected = self._expected(Answer.PARSE, plan)
        if plan is not _EMPTY:  # a statement that fails here is in the history, too
            expected.run = self._session.failing(message.sql)
        sent = messages.parse(message.name, sql, types)
        if prepared is not None:
            told = messages.parse(message.name, message.sql, message.types)
            self._session.quick.keep(told, sent, prepared)
        self._relay.send(sent, expected)

    async def _renew(self, name: str) -> bool:
        """Plan a statement anew where its names may mean something else; False when that fails."""
        prepared = self.statements.get(name, _NONE)
        if prepared.holds(self._relay.changes.count) or self._relay.status == b"E":
            return True
        await self._flush()
        if self._relay.failed:
            return False
        (tokens,) = await read(prepared.text)
        plan = await self._session.plan(prepared.text, tokens)
        if isinstance(plan, GatewayError):
            await self._fail(plan)
            return False
        renewed = self._session.quick.prepared(plan, prepared.text, name, prepared.types)
        self.statements[name] = renewed
        if plan.sql != prepared.plan.sql or prepared.lost:
            self._relay.send(
                messages.message(b"C", b"S" + messages.cstring(name))
                + messages.parse(name, plan.sql, prepared.types),
                Expected(Answer.CLOSE, visible=False),
                Expected(Answer.PARSE, visible=False),
            )
            await self._flush()
            if self._relay.failed:  # a name that is missing now may come back
                self.statements[name] = replace(renewed, lost=True)
                return False
        return True

    async def _bind(self, payload: bytes) -> None:
        portal, offset = messages.read_cstring(payload)
        name, offset = messages.read_cstring(payload, offset)
        if not await self._renew(name):
            return
        prepared = self.portals[portal] = self.statements.get(name, _NONE)
        plan = prepared.plan
        self._relay.unsynced = True
        if plan.command is not None:
            payload = payload[:offset] + bytes(6)
        self._relay.send(messages.message(b"B", payload), self._expected(Answer.BIND, plan))

    def _describe(self, payload: bytes) -> None:
        name = messages.read_cstring(payload, 1)[0]
        plan = self._named(payload).get(name, _NONE).plan
        expected = self._expected(Answer.DESCRIBE, plan)
        expected.no_rows = plan.command is not None
        self._relay.send(messages.message(b"D", payload), expected)

    async def _execute(self, payload: bytes) -> None:
        portal, _ = messages.read_cstring(payload)
        prepared = self.portals.get(portal, _NONE)
        plan = prepared.plan
        if not await self._meets_fault(plan):
            return
        if plan.command is not None:
            await self._command(plan, self._session.begin(plan, prepared.text))
            return
        self._executed(prepared, payload)
        if plan.after and self._relay.status == b"T":
            for text in plan.after:
                self._relay.send(
                    messages.parse("redshift_after", text)
                    + messages.bind_text("redshift_after", "redshift_after", [])
                    + messages.execute("redshift_after")
                    + messages.message(b"C", b"Sredshift_after\0"),
                    Expected(Answer.PARSE, visible=False),
                    Expected(Answer.BIND, visible=False),
                    Expected(Answer.EXECUTE, visible=False),
                    Expected(Answer.CLOSE, visible=False),
                )

    async def _meets_fault(self, plan: Plan) -> bool:
        """Whether to go on and execute, after the faults that are waiting for the statement."""
        if plan.fault is not None:
            await self._fault_call(plan.fault)
            return False
        fault = self._session.fault(plan)
        if fault is None:
            return True
        await self._flush()
        if self._relay.failed:
            return False
        if fault is Fault.LOST_AFTER:
            self._session.client.muted = True  # until Sync, which commits
            return True
        if fault is Fault.LOST_BEFORE:
            self._session.lose()
        error = fault_error(fault, self._relay.backend.pid)
        if plan.commits:
            await self._relay.hidden_query("rollback")
            self._session.client.write(error.wire())
            self._relay.failed = True
        else:
            await self._fail(error)
        return False

    async def _fault_call(self, call: FaultStatement) -> None:
        """A call of the gateway's own functions takes effect at each Execute."""
        await self._flush()
        if not self._relay.failed:
            text = self._session.faults.apply(call)
            self._session.client.write(
                messages.data_row(text) + messages.command_complete("SELECT 1")
            )

    async def _fail(self, error: GatewayError) -> None:
        """Fail at Execute: an open transaction fails with it."""
        self._relay.send(
            messages.parse("", _REFUSE) + messages.bind_text("", "", []) + messages.execute(""),
            *(
                Expected(answer, visible=False, error=error, in_failed=True)
                for answer in (Answer.PARSE, Answer.BIND, Answer.EXECUTE)
            ),
        )
        await self._flush()

    async def _command(self, plan: Plan, run: Run) -> None:
        """COPY or UNLOAD at its Execute: first everything before it, then the command."""
        assert plan.command is not None  # noqa: S101 for the type checker
        await self._flush()
        if self._relay.failed:
            return
        try:
            self._session.client.write(
                await run_command(
                    plan.command, self._relay, self._session.settings, self._session.plan, run
                )
            )
        except GatewayError as error:
            await self._fail(error)

    def _close(self, payload: bytes) -> None:
        name = messages.read_cstring(payload, 1)[0]
        self._named(payload).pop(name, None)
        self._relay.send(messages.message(b"C", payload), Expected(Answer.CLOSE))

    def _named(self, payload: bytes) -> dict[str, Prepared]:
        """What the payload of a Describe or a Close names: statements or portals."""
        return self.statements if payload[:1] == b"S" else self.portals

    def _expected(self, answer: Answer, plan: Plan | GatewayError) -> Expected:
        if isinstance(plan, GatewayError):
            return Expected(answer, error=plan, in_failed=plan.in_failed)
        return Expected(answer, tag=plan.tag, to_original=plan.to_original)
