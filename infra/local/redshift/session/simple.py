"""The simple protocol: a Query of one statement or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.redshift.commands.fault_statement import Fault
from infra.local.redshift.commands.run import run_command
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.expected import Answer, Expected
from infra.local.redshift.session.faults import fault_error
from infra.local.redshift.session.query_log import Run
from infra.local.redshift.session.reading import read
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.parser import literal
from infra.local.redshift.translate.result import Plan, TransactionVerb

if TYPE_CHECKING:
    from infra.local.redshift.session.session import Session

# Several statements in one Query are one transaction, unless they say otherwise.
_TRANSACTION_WORDS = ("begin", "start", "commit", "end", "rollback", "abort", "vacuum")


class Simple:
    """The simple Queries of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._relay = session.relay

    async def query(self, sql: str) -> None:
        """A simple Query: its statements one by one, in one transaction when there are several."""
        try:
            statements = await read(sql)
        except GatewayError as error:
            await self._session.refuse(error, run=self._session.failing(sql))
            return
        if not statements:
            self._session.client.write(messages.EMPTY_QUERY + messages.ready(self._relay.status))
            return
        wrapped = (
            len(statements) > 1
            and self._relay.status == b"I"
            and not any(tokens[0].is_word(*_TRANSACTION_WORDS) for tokens in statements)
        )
        if wrapped:
            await self._relay.hidden_query("begin")
        for number, tokens in enumerate(statements):
            last = number == len(statements) - 1 and not wrapped
            text = sql if len(statements) == 1 else ""
            if not await self._statement(sql, tokens, last, text):
                if wrapped and self._relay.status != b"I":
                    await self._relay.hidden_query("rollback")
                    self._session.client.write(messages.ready(b"I"))
                elif not last:
                    self._session.client.write(messages.ready(self._relay.status))
                return
        if wrapped:
            if self._relay.status == b"T":
                await self._relay.hidden_query("commit")
            self._session.client.write(messages.ready(self._relay.status))

    async def _statement(self, sql: str, tokens: list[Token], last: bool, text: str) -> bool:
        """Run one statement of a simple Query; False when it failed."""
        plan = await self._session.plan(sql, tokens)
        if isinstance(plan, GatewayError):
            text = text or sql[tokens[0].start : tokens[-1].end]
            return await self._session.refuse(plan, last, self._session.failing(text))
        if plan.fault is not None:
            if self._relay.status != b"E":
                plan = plan.with_sql(
                    f"select {literal(self._session.faults.apply(plan.fault))}::varchar "
                    f"as {plan.fault.action.value}"
                )
            return await self._run(plan, last, text)
        fault = self._session.fault(plan)
        if fault is Fault.LOST_BEFORE:
            self._session.lose()
        if fault is Fault.LOST_AFTER:
            self._session.client.muted = True
            await self._run(plan, last, text)
            self._session.lose()
        if fault is not None:
            run = self._session.begin(plan, text or plan.original)
            return await self._fail(plan, fault_error(fault, self._relay.backend.pid), last, run)
        if text:
            quick, sent = self._session.quick, messages.query(plan.sql)
            quick.keep(messages.query(text), sent, quick.prepared(plan, text))
        return await self._run(plan, last, text)

    async def _fail(self, plan: Plan, error: GatewayError, last: bool, run: Run) -> bool:
        """Let a statement fail; a COMMIT that fails ends the transaction."""
        if not plan.commits:
            return await self._session.refuse(error, last, run)
        run.end(error=error.message)
        await self._relay.hidden_query("rollback")
        self._session.client.write(error.wire() + (messages.ready(b"I") if last else b""))
        return False

    async def _run(self, plan: Plan, last: bool, text: str) -> bool:
        """Run a planned statement of a simple Query; False when it failed."""
        self._relay.fresh = False
        run = self._session.begin(plan, text or plan.original)
        if plan.command is not None:
            return await self._command(plan, last, run)
        self._relay.last_error = None
        after = plan.after if self._relay.status == b"T" else ()
        self._relay.send(
            messages.query(plan.sql),
            Expected(Answer.EXECUTE, tag=plan.tag, to_original=plan.to_original, run=run),
            Expected(Answer.SYNC, visible=last and not after),
        )
        await self._relay.run()
        if self._relay.last_error is not None:
            self._relay.last_error = None
            if after and last:
                self._session.client.write(messages.ready(self._relay.status))
            return False
        self._relay.fresh = plan.verb is TransactionVerb.BEGIN
        for following in after:
            await self._relay.hidden_query(following)
        if after and last:
            self._session.client.write(messages.ready(self._relay.status))
        return True

    async def _command(self, plan: Plan, last: bool, run: Run) -> bool:
        """Run COPY or UNLOAD inside the client's transaction."""
        assert plan.command is not None  # noqa: S101 for the type checker
        if self._relay.status == b"E":
            return await self._session.refuse(
                GatewayError(
                    "25P02",
                    "current transaction is aborted, commands ignored until end of "
                    "transaction block",
                ),
                last,
            )
        try:
            done = await run_command(
                plan.command, self._relay, self._session.settings, self._session.plan, run
            )
        except GatewayError as error:
            error.in_failed = True
            return await self._session.refuse(error, last)
        self._session.client.write(done)
        if last:
            self._session.client.write(messages.ready(self._relay.status))
        return True
