"""Planning a statement: translation, then what only PostgreSQL knows (late-binding views)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from infra.local.redshift.catalog.install import SystemViews
from infra.local.redshift.errors import (
    INVALID_CURSOR_STATE,
    GatewayError,
    concurrent_transaction,
    refused,
)
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.expected import Answer, Expected
from infra.local.redshift.session.query_log import LAST_QUERY, VIEWS, Caller, QueryLog
from infra.local.redshift.session.reading import aside
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.translate import views
from infra.local.redshift.translate.columns import NeedsColumns, NeedsViews
from infra.local.redshift.translate.lateral import lateral_uses, substitute
from infra.local.redshift.translate.lexer import Token, tokenize
from infra.local.redshift.translate.long_names import stored
from infra.local.redshift.translate.parser import literal, quote
from infra.local.redshift.translate.relations import (
    Relation,
    find_relations,
    names_as_written,
    quoted,
)
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.show import LATE_BINDING_COLUMNS
from infra.local.redshift.translate.statement import split, translate

_STATEMENT = "redshift_relations"
_LOOKUP = "select name, definition from pg_internal.relations($1::text[])"
_LATE_BINDING_CALL = re.compile(rf"({LATE_BINDING_COLUMNS}\w*)\(\)")
# "Only one cursor at a time can be open per session", says
# https://docs.aws.amazon.com/redshift/latest/dg/declare.html. PostgreSQL lists the portals of the
# protocol and of procedures too. The message: issue 317 of sqlalchemy-redshift/sqlalchemy-redshift.
_OPEN_CURSORS = (
    r"select 1 from pg_catalog.pg_cursors where statement ~* '^(\s|--[^\n]*\n|/\*.*?\*/)*declare\M'"
)
_ONE_CURSOR = "opening multiple cursors from within the same client connection is not allowed."
# Views on views on views; deeper than this is a loop.
_MAX_DEPTH = 32
# Aliases of one statement that are put in, one after another.
_MAX_ALIASES = 500
# Relations of one statement whose columns are asked for.
_MAX_QUESTIONS = 100
# How often a transaction is begun anew before a swapped relation is an error.
_MAX_RESTARTS = 20


class Planner:
    """Turns statements into plans over one session's connection."""

    def __init__(self, relay: Relay, caller: Caller, system: SystemViews, log: QueryLog) -> None:
        self._relay = relay
        self._caller = caller
        self._system = system
        self._log = log
        self._prepared = False
        self.passing = False  # set by plans that read what changes without any name changing

    async def plan(self, sql: str, tokens: list[Token], context: Context) -> Plan:
        """The plan for one statement; raises GatewayError for what is refused."""
        plan = await self._translated(sql, tokens, context)
        if tokens[0].is_word("deallocate") and tokens[-1].is_word("all"):
            self._prepared = False  # ours goes with the client's
        if self._relay.status == b"E":
            return plan
        if plan.alone is not None and self._relay.status == b"T":
            raise GatewayError("25001", f"{plan.alone} cannot run inside a transaction block")
        if plan.opens_cursor and await self._relay.hidden_query(_OPEN_CURSORS):
            raise GatewayError(INVALID_CURSOR_STATE, _ONE_CURSOR)
        if plan.long_names and _makes_names(tokens):
            await self._relay.hidden_query(_remember(plan.long_names))
        if plan.used:  # an error for one that does not exist, before the session changes
            await self._relay.hidden_query(
                f"select pg_internal.namespace_of(array[{literal(plan.used)}, 'public'])"
            )
        text, lateral = plan.sql, plan.lateral
        if LAST_QUERY in text:
            self.passing = True
            await self._log.write()
            last = self._caller.last_query
            await self._relay.hidden_query(
                f"select set_config('redshift.last_query_id', '{last}', false)"
            )
        if plan.relations:
            text = await self._expanded(text, list(plan.relations))
            if plan.bound and text != plan.sql:
                raise refused(f"A late-binding view in {plan.bound}", plan.original)
            lateral = lateral or (text != plan.sql and bool(lateral_uses(text)))
        if LATE_BINDING_COLUMNS in text:
            self.passing = True
            views_told = literal(await self._all_views())
            text = _LATE_BINDING_CALL.sub(lambda call: f"{call[1]}({views_told})", text)
        if lateral:
            text = await self._lateral_aliases(text)
        if plan.wrap is not None:
            text = plan.wrap(text)
        return plan if text == plan.sql else plan.with_sql(text)

    async def _translated(self, sql: str, tokens: list[Token], context: Context) -> Plan:
        """The translation, asking PostgreSQL for the columns that it needs."""
        for _ in range(_MAX_QUESTIONS):
            try:
                return await aside(len(sql), translate, sql, tokens, context)
            except NeedsColumns as need:
                answer = await self._answer(need, context)
                context = replace(context, columns=(*context.columns, (need.key, answer)))
        raise refused("A statement with so many stars", sql)

    async def _answer(self, need: NeedsColumns, context: Context) -> tuple[str, ...]:
        """The columns of a query, or the columns and types of a relation."""
        if isinstance(need, NeedsViews):
            return tuple(await self._put_in(need.views))
        if need.relation:
            name = ".".join(map(quoted, need.relation))
            if not await self._definitions([name]):
                return await self._texts(f"pg_internal.relation_types({literal(name)})")
        function = "query_types" if need.relation else "columns_of"
        (query,) = split(need.query)
        asked = await self.plan(need.query, query, context)
        return await self._texts(f"pg_internal.{function}({literal(asked.sql)})")

    async def _texts(self, call: str) -> tuple[str, ...]:
        """The rows of a call that returns texts."""
        rows = await self._relay.hidden_query(f"select {call}")
        return tuple(str(row[0]) for row in rows)

    async def _lateral_aliases(self, sql: str) -> str:
        """SQL with lateral aliases put in where PostgreSQL knows no column of that name."""
        for _ in range(_MAX_ALIASES):
            name = await self._undefined_column(sql)
            uses = [use for use in lateral_uses(sql) if use.alias == name]
            if len(uses) > 1:  # the alias of several selects: which of them have no such column?
                uses = [
                    use
                    for use in uses
                    if await self._undefined_column(
                        substitute(sql, [other for other in uses if other is not use])
                    )
                    == name
                ]
            if not uses:
                break
            sql = substitute(sql, uses)
        return sql

    async def _undefined_column(self, sql: str) -> str | None:
        """The unqualified column that PostgreSQL does not find."""
        rows = await self._relay.hidden_query(
            f"select pg_internal.undefined_column({literal(sql)})"
        )
        return rows[0][0]

    async def _expanded(self, text: str, relations: list[Relation]) -> str:
        """SQL with late-binding views put in, level by level."""
        with names_as_written():
            return await self._views_in(text, relations)

    async def _views_in(self, text: str, relations: list[Relation]) -> str:
        for _ in range(_MAX_DEPTH):
            if not VIEWS.isdisjoint(relation.name for relation in relations):
                self.passing = True
                await self._log.write()
            names = {relation.quoted: relation.parts for relation in relations if relation.source}
            definitions = await self._put_in(names)
            if not definitions:
                return text
            text, relations = views.expand(text, definitions)
        raise GatewayError("42P17", "infinite recursion detected in late-binding views")

    async def _put_in(self, names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """The queries of those relations, by their quoted names, for which they are put in."""
        told = {name: self._system.definition(parts) for name, parts in names.items()}
        definitions = {name: text for name, text in told.items() if text}
        asked = sorted(name for name, text in told.items() if text is None)
        return definitions | await self._definitions(asked) if asked else definitions

    async def _definitions(self, names: list[str]) -> dict[str, str]:
        """Definitions of those of the named relations that are late-binding views.

        In a snapshot transaction this also waits for their locks and checks that none was swapped
        since the snapshot; a transaction that has done nothing yet is begun anew in that case.
        """
        for _ in range(_MAX_RESTARTS):
            try:
                return await self._look_up(names)
            except GatewayError as error:
                replaced = error.message == concurrent_transaction().message
                if not (replaced and self._relay.fresh):
                    raise
                await self._relay.hidden_query("rollback")
                await self._relay.hidden_query("begin isolation level repeatable read")
                self._relay.fresh = True
        return await self._look_up(names)

    async def _look_up(self, names: list[str]) -> dict[str, str]:
        rows: list[list[str | None]] = []
        if not self._prepared:
            await self._exchange(
                messages.parse(_STATEMENT, _LOOKUP), Expected(Answer.PARSE, visible=False)
            )
            self._prepared = True
        await self._exchange(
            messages.bind_text(_STATEMENT, _STATEMENT, [_array(names)])
            + messages.execute(_STATEMENT)
            + messages.message(b"C", b"P" + messages.cstring(_STATEMENT)),
            Expected(Answer.BIND, visible=False),
            Expected(Answer.EXECUTE, visible=False, rows=rows),
            Expected(Answer.CLOSE, visible=False),
        )
        return {str(row[0]): str(row[1]) for row in rows}

    async def _exchange(self, data: bytes, *expected: Expected) -> None:
        """Extended-protocol messages, without syncing what the client has not synced."""
        if self._relay.unsynced:
            await self._relay.hidden(data + messages.FLUSH, *expected)
        else:
            sync = Expected(Answer.SYNC, visible=False)
            await self._relay.hidden(data + messages.SYNC, *expected, sync)

    async def _all_views(self) -> str:
        """Every late-binding view of the database with its full query, as JSON."""
        rows = await self._relay.hidden_query(
            "select n.nspname, c.relname, v.definition from pg_internal.late_binding_view as v "
            "join pg_catalog.pg_class as c on c.oid = v.view_id "
            "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
            "where v.original <> '' order by 1, 2"
        )
        known = {quote(str(schema), str(name)): str(text) for schema, name, text in rows}
        described = []
        for schema, name, text in rows:
            full, depth = str(text), 0
            with names_as_written():
                relations = find_relations(tokenize(full))
                while depth < _MAX_DEPTH and any(_key(r) in known for r in relations):
                    found = {r.quoted: known[_key(r)] for r in relations if _key(r) in known}
                    full, relations = views.expand(full, found)
                    depth += 1
            described.append({"schema": schema, "name": name, "sql": full})
        return json.dumps(described)


def _makes_names(tokens: list[Token]) -> bool:
    """Whether a statement may give names to what stays in the database."""
    return tokens[0].is_word("create", "alter") or any(token.is_word("into") for token in tokens)


def _remember(names: tuple[str, ...]) -> str:
    """The call that lets the catalog know whole names by their stored forms."""
    shorts, longs = (
        ", ".join(literal(name) for name in side) for side in (map(stored, names), names)
    )
    return f"select pg_internal.remember_names(array[{shorts}], array[{longs}])"


def _key(relation: Relation) -> str:
    return quote(relation.schema or "public", relation.name)


def _array(names: list[str]) -> str:
    """A PostgreSQL text array literal."""
    escaped = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return "{" + ",".join(f'"{name}"' for name in escaped) + "}"
