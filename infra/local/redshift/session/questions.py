"""What procedures ask while they run: the translation of a text that EXECUTE gets.

PostgreSQL asks by a message to its client, which is the gateway, and looks for the answer in a file
(catalog/72_dynamic.sql). What the translation has to know of the database (late-binding views,
columns) is asked back: the procedure runs the query, so that it sees its own transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.redshift.errors import INTERNAL_ERROR, GatewayError, refused
from infra.local.redshift.session.lookup import Planner
from infra.local.redshift.session.reading import read
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.translate.bodies import statements_of
from infra.local.redshift.translate.parser import literal

if TYPE_CHECKING:
    from infra.local.redshift.session.session import Session, Shared


class Questions:
    """Answers what the procedures of one session ask, one question at a time."""

    def __init__(self, session: Session, shared: Shared) -> None:
        self._session = session
        self._shared = shared
        self._asking = _Asking(session.relay, self)
        self._planner = _Inside(self._asking, session.caller, shared.catalog.views, shared.log)
        self._task: asyncio.Task[None] | None = None
        self._rows: asyncio.Future[list[list[str | None]]] | None = None
        self._number = 0
        self._written: Path | None = None

    def asked(self, message: str, number: str) -> bool:
        """Take a question, or the rows that were asked back; False when it is neither."""
        try:
            question = json.loads(message)
            self._number = int(number)
        except ValueError:
            return False
        if not isinstance(question, dict):
            return False
        if isinstance(question.get("text"), str):
            self._stop()
            self._task = asyncio.get_running_loop().create_task(self._answer(question["text"]))
        elif self._rows is not None and not self._rows.done():
            self._rows.set_result(question.get("rows") or [])
        else:
            return False
        return True

    async def ask_back(self, sql: str) -> list[list[str | None]]:
        """Let the procedure run a query and return its rows."""
        self._rows = asyncio.get_running_loop().create_future()
        self._write({"query": sql})
        return await self._rows

    def close(self) -> None:
        """Forget what is open: the session ends."""
        self._stop()
        if self._written is not None:
            self._written.unlink(missing_ok=True)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _answer(self, text: str) -> None:
        """Translate a text and tell its translation, or why there is none."""
        try:
            sql, commits = await self._translated(text)
            told = {"sql": sql, "commits": commits}
        except GatewayError as error:
            told = {
                "error": error.sqlstate,
                "message": error.message,
                "detail": error.detail,
                "hint": error.hint,
            }
        except Exception as error:  # noqa: BLE001 the procedure fails instead of waiting
            told = {"error": INTERNAL_ERROR, "message": f"the translation failed: {error}"}
        self._write(told)

    async def _translated(self, text: str) -> tuple[str, bool]:
        """PostgreSQL's form of a text, and whether a commit is due after it."""
        statements = await read(text)
        if len(statements) > 1:
            raise refused("EXECUTE of several statements", text)
        if not statements:
            return text, False
        tokens = statements[0]
        if tokens[0].is_word("commit", "rollback", "end", "abort", "begin", "start"):
            # https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-transaction-management.html
            raise GatewayError("0A000", "EXECUTE of transaction commands is not implemented")
        plan = await self._planner.plan(text, tokens, self._session.context)
        if plan.used is not None or plan.case_sensitive is not None or plan.resets or plan.fault:
            raise refused(f"EXECUTE of {tokens[0].text.upper()}", text)
        return "; ".join(statements_of(plan, text, tokens)), bool(plan.after)

    def _write(self, told: dict[str, object]) -> None:
        """Put an answer where the procedure looks for it, whole at once."""
        folder = self._shared.catalog.answers
        if folder is None:
            return
        path = folder / f"{self._session.relay.backend.pid}.{self._number}"
        part = path.with_suffix(".part")
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(told), encoding="utf-8")
            part.chmod(0o644)
            part.replace(path)
        if self._written is not None and self._written != path:
            self._written.unlink(missing_ok=True)
        self._written = path


class _Asking(Relay):
    """The session's connection while a procedure runs on it: queries are asked back."""

    def __init__(self, relay: Relay, questions: Questions) -> None:
        super().__init__(relay.client, relay.backend, status=b"T")
        self._questions = questions

    async def hidden_query(self, sql: str) -> list[list[str | None]]:
        """Run a query within the procedure."""
        return await self._questions.ask_back(sql)


class _Inside(Planner):
    """Plans statements that a procedure runs."""

    async def _look_up(self, names: list[str]) -> dict[str, str]:
        listed = ", ".join(map(literal, names))
        rows = await self._relay.hidden_query(
            f"select name, definition from pg_internal.relations(array[{listed}]::text[])"  # noqa: S608
        )
        return {str(row[0]): str(row[1]) for row in rows}
