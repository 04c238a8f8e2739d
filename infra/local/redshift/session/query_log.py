"""The statements that clients ran, for `sys_query_history`, `stl_query` and their kin.

A statement costs a line in memory when it ends. PostgreSQL gets the lines when somebody reads one
of the views, and when many have gathered; on a connection of the gateway's own, so that a client's
rollback does not take them back.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import logging
import re
import time
from collections import deque
from dataclasses import dataclass

from infra.local.redshift.catalog.install import admin_connection
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.session.connection_log import ConnectionLog
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.lexer import words
from infra.local.redshift.translate.parser import literal

logger = logging.getLogger("starlift.redshift")

# The views that show the log; who reads one gets what has gathered written first.
VIEWS = words(
    "sys_query_history sys_query_text stl_query stl_querytext svl_qlog svl_statementtext "
    "stl_ddltext stl_utilitytext stl_undone svl_stored_proc_call sys_procedure_call queries "
    "query_history stl_connection_log sys_connection_log connection_log"
)
# Reads the id of the session's last query.
LAST_QUERY = "pg_last_query_id"
# Kinds that are no queries.
_NO_QUERIES = ("DDL", "UTILITY")
# Statements that are kept in memory, how many of them one INSERT takes, and the characters of each.
_GATHERED, _CHUNK, _TEXT = 10_000, 500, 16_000
# What tells a statement's kind stands in so many of its first characters.
_OPENING = 200
# So many are written without somebody reading them.
_MANY = 2_000
_CTAS = re.compile(r"create\s+(?:local\s+)?(?:temp(?:orary)?\s+)?table\s[^(]*?\bas\b", re.I)
_KINDS = {
    **dict.fromkeys(words("select with values ( fetch declare"), "SELECT"),
    **dict.fromkeys(words("insert update delete copy unload merge"), ""),  # their own word
    **dict.fromkeys(words("create alter drop truncate comment grant revoke refresh"), "DDL"),
    "call": "COMMAND",
}


_INSERT = """
insert into pg_internal.query_history
select
    coalesce((r ->> 0)::bigint, nextval('pg_internal.query_id')), r ->> 1, r ->> 2,
    (r ->> 3)::bigint, (r ->> 4)::integer, r ->> 5, r ->> 6,
    to_timestamp((r ->> 7)::float8) at time zone 'utc',
    to_timestamp((r ->> 8)::float8) at time zone 'utc', (r ->> 9)::bigint, r ->> 10, r ->> 11
from jsonb_array_elements({rows}::jsonb) as r
returning query_id
"""


@functools.lru_cache(maxsize=512)
def kind(statement: str) -> str:
    """Redshift's query_type of a statement, by its first words."""
    word = re.match(r"\(|\w*", statement[:20].lower())
    first = word.group() if word else ""
    if first == "create" and _CTAS.match(statement):
        return "CTAS"
    return _KINDS.get(first, "UTILITY") or first.upper()


@dataclass(slots=True)
class Caller:
    """Whose statements they are; `label` is the session's query_group."""

    user: str
    database: str
    session_id: int
    label: str = "default"
    transaction: int = 0
    last_query: int = -1  # of those that are written


@dataclass(slots=True)
class Run:
    """One statement as it runs; it is in the log when it has ended."""

    log: QueryLog
    caller: Caller
    text: str
    statement: str  # how it begins, without what stands before its first word
    label: str
    transaction: int
    started: float
    ended: float = 0.0
    tag: bytes = b""
    error: str = ""
    query_id: int | None = None

    def end(self, tag: bytes = b"", error: str = "", query_id: int | None = None) -> None:
        """Take the end's time and how it ended: the completion tag or the error's message.

        `query_id` is the one that the load history has given a COPY or UNLOAD.
        """
        self.ended = time.time()
        self.tag = tag
        self.error = error
        self.query_id = query_id
        self.log.gathered.append(self)

    @property
    def rows(self) -> int:
        """The rows that were returned or changed, as the completion tag says."""
        count = self.tag.rstrip(b"\0").rpartition(b" ")[2]
        return int(count) if count.isdigit() else 0


class QueryLog:
    """The log of one gateway."""

    def __init__(self, settings: Settings) -> None:
        self.gathered: deque[Run] = deque(maxlen=_GATHERED)
        self.connections = ConnectionLog()
        self._settings = settings
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._transactions = itertools.count(int(time.time()))

    def begin(self, caller: Caller, text: str, statement: str, *, in_transaction: bool) -> Run:
        """A statement starts to run."""
        if len(self.gathered) > _MANY and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.write())
            self._task.add_done_callback(self._done)
        if not in_transaction:
            caller.transaction = next(self._transactions)
        return Run(
            self,
            caller,
            text[:_TEXT],
            statement[:_OPENING],
            caller.label,
            caller.transaction,
            time.time(),
        )

    def _done(self, _task: asyncio.Task[None]) -> None:
        self._task = None

    async def write(self) -> None:
        """Let PostgreSQL have what has gathered; a failure is logged and nothing else.

        What is older than a week goes, as in Redshift.
        """
        async with self._writing:
            if not self.gathered and not self.connections.gathered:
                return
            runs = [self.gathered.popleft() for _ in range(len(self.gathered))]
            try:
                connection = await admin_connection(self._settings, self._settings.database)
                try:
                    await self.connections.write(connection)
                    for at in range(0, len(runs), _CHUNK):
                        chunk = runs[at : at + _CHUNK]
                        found = await connection.query(_insert(chunk))
                        for run, (query_id,) in zip(chunk, found, strict=True):
                            if kind(run.statement) not in _NO_QUERIES:
                                run.caller.last_query = int(str(query_id))
                    await connection.query(
                        "delete from pg_internal.query_history "
                        "where start_time < (now() at time zone 'utc') - interval '7 days'"
                    )
                finally:
                    connection.close()
            except GatewayError as failure:
                logger.warning("the query history could not be written: %s", failure)


def _insert(runs: list[Run]) -> str:
    """The statement that writes runs; as JSON, which costs a fraction of a row of literals each."""
    rows = [
        [
            run.query_id if run.query_id is not None and run.query_id > 0 else None,
            run.caller.user,
            run.label[:320],
            run.transaction,
            run.caller.session_id,
            run.caller.database,
            kind(run.statement),
            run.started,
            run.ended,
            run.rows,
            run.error[:512],
            run.text,
        ]
        for run in runs
    ]
    return _INSERT.format(rows=literal(json.dumps(rows, ensure_ascii=False)))
