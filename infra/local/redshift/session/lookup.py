"""Planning a statement: translation, then what only PostgreSQL knows (late-binding views)."""

from __future__ import annotations

import json

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.relay import Answer, Expected, Relay
from infra.local.redshift.translate import views
from infra.local.redshift.translate.lateral import lateral_uses, substitute
from infra.local.redshift.translate.lexer import Token, tokenize
from infra.local.redshift.translate.parser import literal, quote
from infra.local.redshift.translate.relations import Relation, find_relations
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.statement import translate

_STATEMENT = "redshift_relations"
_LOOKUP = "select name, definition from pg_internal.relations($1::text[])"
_COLUMNS_CALL = "pg_internal.late_binding_columns()"
# Views on views on views; deeper than this is a loop.
_MAX_DEPTH = 32
# Aliases of one statement that are put in, one after another.
_MAX_ALIASES = 500
# How often a transaction is begun anew before a swapped relation is an error.
_MAX_RESTARTS = 20


class Planner:
    """Turns statements into plans over one session's connection."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._prepared = False

    async def plan(self, sql: str, tokens: list[Token], context: Context) -> Plan:
        """The plan for one statement; raises GatewayError for what is refused."""
        plan = translate(sql, tokens, context)
        if not plan.looks_up or self._relay.status == b"E":
            return plan
        if _COLUMNS_CALL in plan.sql:
            plan = plan.with_sql(
                plan.sql.replace(
                    _COLUMNS_CALL,
                    f"pg_internal.late_binding_columns({literal(await self._all_views())})",
                )
            )
        relations = find_relations(tokenize(plan.original))
        if relations:
            text = await self.expanded(plan.sql, relations)
            plan = plan if text is None else plan.with_sql(text)
        if lateral_uses(plan.sql):
            text = await self._lateral_aliases(plan.sql)
            plan = plan if text == plan.sql else plan.with_sql(text)
        return plan

    async def _lateral_aliases(self, sql: str) -> str:
        """SQL with lateral aliases put in where PostgreSQL knows no column of that name."""
        for _ in range(_MAX_ALIASES):
            rows = await self._relay.hidden_query(
                f"select pg_internal.undefined_column({literal(sql)})"
            )
            name = rows[0][0]
            text = None if name is None else substitute(sql, name)
            if text is None:
                break
            sql = text
        return sql

    async def expanded(self, sql: str, relations: list[Relation]) -> str | None:
        """SQL with late-binding views put in, level by level; None when it names none."""
        text, changed = sql, False
        for _ in range(_MAX_DEPTH):
            names = sorted({relation.quoted for relation in relations if relation.source})
            definitions = await self._definitions(names) if names else {}
            if not definitions:
                return text if changed else None
            text, relations = views.expand(text, definitions)
            changed = True
        raise GatewayError("42P17", "infinite recursion detected in late-binding views")

    async def _definitions(self, names: list[str]) -> dict[str, str]:
        """Definitions of those of the named relations that are late-binding views.

        In a snapshot transaction this also waits for their locks and checks that none was swapped
        since the snapshot; a transaction that has done nothing yet is begun anew in that case.
        """
        for _ in range(_MAX_RESTARTS):
            try:
                return await self._look_up(names)
            except GatewayError as error:
                if error.sqlstate != "40001" or not self._relay.fresh:
                    raise
                await self._relay.hidden_query("rollback")
                await self._relay.hidden_query("begin isolation level repeatable read")
                self._relay.fresh = True
        return await self._look_up(names)

    async def _look_up(self, names: list[str]) -> dict[str, str]:
        rows: list[list[str | None]] = []
        data = b""
        expected = []
        if not self._prepared:
            data += messages.parse(_STATEMENT, _LOOKUP)
            expected.append(Expected(Answer.PARSE, visible=False))
        data += (
            messages.bind_text(_STATEMENT, _STATEMENT, [_array(names)])
            + messages.execute(_STATEMENT)
            + messages.message(b"C", b"P" + messages.cstring(_STATEMENT))
        )
        expected += [
            Expected(Answer.BIND, visible=False),
            Expected(Answer.EXECUTE, visible=False, rows=rows),
            Expected(Answer.CLOSE, visible=False),
        ]
        if self._relay.unsynced:
            data += messages.FLUSH
        else:
            data += messages.SYNC
            expected.append(Expected(Answer.SYNC, visible=False))
        await self._relay.hidden(data, *expected)
        self._prepared = True
        return {str(row[0]): str(row[1]) for row in rows}

    async def _all_views(self) -> str:
        """Every late-binding view of the database with its full query, as JSON."""
        rows = await self._relay.hidden_query(
            "select n.nspname, c.relname, v.definition from pg_internal.late_binding_view as v "
            "join pg_catalog.pg_class as c on c.oid = v.view_id "
            "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace order by 1, 2"
        )
        known = {quote(str(schema), str(name)): str(text) for schema, name, text in rows}
        described = []
        for schema, name, text in rows:
            full, depth = str(text), 0
            relations = find_relations(tokenize(full))
            while depth < _MAX_DEPTH and any(_key(r) in known for r in relations):
                found = {r.quoted: known[_key(r)] for r in relations if _key(r) in known}
                full, relations = views.expand(full, found)
                depth += 1
            described.append({"schema": schema, "name": name, "sql": full})
        return json.dumps(described)


def _key(relation: Relation) -> str:
    return quote(relation.schema or "public", relation.name)


def _array(names: list[str]) -> str:
    """A PostgreSQL text array literal."""
    escaped = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return "{" + ",".join(f'"{name}"' for name in escaped) + "}"
