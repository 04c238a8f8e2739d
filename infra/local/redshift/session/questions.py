"""What procedures ask while they run: the translation of a text that EXECUTE gets.

PostgreSQL asks by a message to its client, which is the gateway, and looks for the answer in a file
(catalog/72_dynamic.sql). What the translation has to know of the database (late-binding views,
columns) is asked back: the procedure runs the query, so that it sees its own transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.redshift.commands.run import run_command
from infra.local.redshift.commands.stream import Part, Spooling
from infra.local.redshift.commands.target import Target
from infra.local.redshift.errors import INTERNAL_ERROR, GatewayError, refused
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.lookup import Planner
from infra.local.redshift.session.reading import read
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.translate.bodies import statements_of
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.parser import literal
from infra.local.redshift.translate.result import Plan

if TYPE_CHECKING:
    from infra.local.redshift.session.session import Session, Shared

# What a COPY or UNLOAD leaves to EXECUTE.
_NO_ROWS = "select 1 where false"
# Bytes of rows that are written at a time.
_BLOCK = 1024 * 1024
# A value of a record's text, in quotes or bare, and what is escaped in quotes.
_FIELD = re.compile(r'(?:^|,)(?:("(?:[^"\\]|\\.|"")*")|([^,]*))', re.DOTALL)
_PAIRS = re.compile(r'["\\](["\\])', re.DOTALL)


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
        elif self._rows is not None and not self._rows.done() and "rows" in question:
            self._rows.set_result([_values(record) for record in question["rows"]])
        else:
            return False
        return True

    async def ask_back(self, sql: str) -> list[list[str | None]]:
        """Let the procedure run a query and return its rows."""
        self._rows = asyncio.get_running_loop().create_future()
        self._write({"query": sql})
        return await self._rows

    def rows_file(self) -> tuple[Path, int]:
        """A file for rows beside the answers, and its number; see catalog/72_dynamic.sql."""
        folder = self._shared.catalog.answers
        if folder is None:
            raise GatewayError("0A000", "COPY and UNLOAD in procedures need PostgreSQL's folder")
        pid = self._session.relay.backend.pid
        return folder / f"{pid}.{self._number}.rows", self._number

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
        plan = await self._plan(text, tokens)
        if plan.command is not None:
            await self._run(plan, text)
            return _NO_ROWS, False
        if plan.used is not None or plan.case_sensitive is not None or plan.resets or plan.fault:
            raise refused(f"EXECUTE of {tokens[0].text.upper()}", text)
        return "; ".join(statements_of(plan, text, tokens)), bool(plan.after)

    async def _plan(self, text: str, tokens: list[Token]) -> Plan:
        return await self._planner.plan(text, tokens, self._session.context)

    async def _run(self, plan: Plan, text: str) -> None:
        """COPY or UNLOAD, whose notices the client gets."""
        assert plan.command is not None  # noqa: S101 for the type checker
        run = self._session.begin(plan, text)
        done = await run_command(plan.command, self._asking, self._shared.settings, self._plan, run)
        self._session.client.write(messages.without_completion(done))

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


class _Asking(Spooling):
    """The session's connection while a procedure runs on it: queries are asked back."""

    def __init__(self, relay: Relay, questions: Questions) -> None:
        super().__init__(relay.client, relay.backend, relay.database, status=b"T")
        self._questions = questions

    async def hidden_query(self, sql: str) -> list[list[str | None]]:
        """Run a query within the procedure."""
        return await self._questions.ask_back(sql)

    async def load(self, target: Target, parts: Iterator[Part]) -> int:
        """Write the parts to a file, which the procedure loads."""
        path, number = self._questions.rows_file()
        names = ", ".join(literal(column.name) for column in target.columns)
        stopping = threading.Event()
        try:
            await asyncio.to_thread(_spool, path, parts, stopping)
            rows = await self.hidden_query(
                f"select pg_internal.load_rows({target.oid}::regclass, array[{names}], '{number}')"
            )
        finally:
            stopping.set()
            path.unlink(missing_ok=True)
        return int(str(rows[0][0]))

    async def unload(self, query: str, write: Callable[[list[bytes]], None]) -> int:
        """Let the procedure write the rows to a file, and read it."""
        path, number = self._questions.rows_file()
        try:
            rows = await self.hidden_query(
                f"select pg_internal.write_rows({literal(query)}, '{number}')"
            )
            await asyncio.to_thread(_read, path, write)
        finally:
            path.unlink(missing_ok=True)
        return int(str(rows[0][0]))


def _spool(path: Path, parts: Iterator[Part], stopping: threading.Event) -> None:
    """Write the parts to a file that PostgreSQL may read."""
    with path.open("wb") as file:
        path.chmod(0o644)
        for data, _rows in parts:
            if stopping.is_set():
                return
            file.write(data)


def _read(path: Path, write: Callable[[list[bytes]], None]) -> None:
    """Give the lines of a file to `write`, block by block."""
    with path.open("rb") as file:
        while block := file.readlines(_BLOCK):
            write(block)


def _values(record: str) -> list[str | None]:
    """The values in the text of a record.

    https://www.postgresql.org/docs/18/rowtypes.html#ROWTYPES-IO-SYNTAX
    """
    return [
        None if not quoted and not bare else _PAIRS.sub(r"\1", quoted[1:-1]) if quoted else bare
        for quoted, bare in _FIELD.findall(record[1:-1])
    ]


class _Inside(Planner):
    """Plans statements that a procedure runs."""

    async def _look_up(self, names: list[str]) -> dict[str, str]:
        listed = ", ".join(map(literal, names))
        rows = await self._relay.hidden_query(
            f"select name, definition from pg_internal.relations(array[{listed}]::text[])"  # noqa: S608
        )
        return {str(row[0]): str(row[1]) for row in rows}
