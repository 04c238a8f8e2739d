"""One statement: what kind it is, and which module translates it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate import (
    admin,
    databases,
    ddl,
    materialized,
    privileges,
    procedures,
    queries,
    routines,
    show,
    tables,
    users,
    views,
)
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.constructs import Restructured
from infra.local.redshift.translate.databases import other_databases, with_way_back
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lateral import lateral_uses
from infra.local.redshift.translate.leader import check_leader_only
from infra.local.redshift.translate.lexer import Token, split_statements, tokenize, words
from infra.local.redshift.translate.long_names import shorten
from infra.local.redshift.translate.merge import merge
from infra.local.redshift.translate.parser import Parser
from infra.local.redshift.translate.relations import find_relations, names_as_written
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.unsupported import check_syntax

_Handler = Callable[[Parser, Context], Plan]


def _procedure(parser: Parser, context: Context) -> Plan:
    return procedures.create_procedure(parser, context, _translate)


# First words of a statement, longest first, and what translates it.
HANDLERS: dict[tuple[str, ...], _Handler] = {
    ("select", "starlift_gateway"): queries.fault,
    ("select",): queries.query,
    ("with",): queries.query,
    ("values",): queries.query,
    ("(",): queries.query,
    ("insert",): queries.query,
    ("update",): queries.query,
    ("delete",): queries.query,
    ("merge",): merge,
    ("explain",): queries.explain,
    ("prepare",): queries.prepare,
    ("execute",): queries.native,
    ("declare",): queries.declare,
    ("fetch",): queries.cursor,
    ("close",): queries.cursor,
    ("deallocate",): queries.native,
    ("copy",): queries.copy,
    ("unload",): queries.unload,
    ("create", "table"): tables.create_table,
    ("create", "temp", "table"): tables.create_table,
    ("create", "temporary", "table"): tables.create_table,
    ("create", "local", "temp", "table"): tables.create_table,
    ("create", "local", "temporary", "table"): tables.create_table,
    ("create", "view"): views.create_view,
    ("create", "or", "replace", "view"): views.create_view,
    ("create", "materialized", "view"): materialized.create,
    ("refresh", "materialized", "view"): materialized.refresh,
    ("alter", "materialized", "view"): materialized.alter,
    ("drop", "materialized", "view"): materialized.drop,
    ("create", "database"): databases.create_database,
    ("drop", "database"): databases.drop_database,
    ("use",): databases.use,
    ("reset", "use"): databases.use,
    ("show", "use"): databases.show_use,
    ("create", "schema"): ddl.create_schema,
    ("create", "user"): users.create_user,
    ("alter", "user"): users.alter_user,
    ("create", "group"): users.group,
    ("create", "role"): privileges.create_role,
    ("create", "function"): routines.create_function,
    ("create", "or", "replace", "function"): routines.create_function,
    ("drop", "function"): routines.drop_function,
    ("create", "procedure"): _procedure,
    ("create", "or", "replace", "procedure"): _procedure,
    ("drop", "procedure"): procedures.drop_procedure,
    ("call",): procedures.call,
    ("alter", "table"): ddl.alter_table,
    ("alter", "schema"): queries.native,
    ("alter", "group"): users.group,
    ("alter", "default", "privileges"): privileges.privileges,
    ("drop", "table"): ddl.drop,
    ("drop", "view"): ddl.drop,
    ("drop", "schema"): ddl.drop,
    ("drop", "user"): queries.native,
    ("drop", "group"): users.group,
    ("drop", "role"): privileges.drop_role,
    ("comment", "on"): queries.native,
    ("grant",): privileges.privileges,
    ("revoke",): privileges.privileges,
    ("truncate",): admin.truncate,
    ("begin",): admin.begin,
    ("start", "transaction"): admin.begin,
    ("commit",): admin.commit,
    ("end",): admin.commit,
    ("rollback",): admin.rollback,
    ("abort",): admin.rollback,
    ("lock",): admin.lock,
    ("set",): admin.set_value,
    ("set", "session", "characteristics", "as", "transaction"): admin.characteristics,
    ("reset",): admin.reset,
    ("show",): show.show,
    ("analyze",): admin.analyze,
    ("analyse",): admin.analyze,
    ("vacuum",): admin.vacuum,
    ("cancel",): admin.cancel,
}


# Words that say what CREATE, ALTER and DROP are about.
_OBJECTS = words(
    "or replace materialized external temp temporary function procedure view table index database "
    "datashare model library identity masking rls policy sequence type domain trigger extension "
    "unique aggregate cast operator server schema system"
)

# How statements begin that Redshift (https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html)
# or PostgreSQL has and no handler is for: they are refused by name.
_STATEMENTS = words(
    "alter analyze attach create deallocate desc describe detach drop reset show start "
    "checkpoint cluster discard do import listen load move notify reassign refresh reindex release "
    "savepoint security table unlisten"
)


def _named(tokens: list[Token]) -> str:
    """A statement's kind in words, for its refusal."""
    kind = [tokens[0].text]
    if tokens[0].is_word("create", "alter", "drop"):
        for token in tokens[1:]:
            if not token.is_word(*_OBJECTS):
                break
            kind.append(token.text)
    return " ".join(kind).upper()


# Texts up to this many characters are remembered, and how many of them.
_REMEMBERED_LENGTH, _REMEMBERED = 4_000, 512


def split(sql: str) -> list[list[Token]]:
    """The statements of a text as tokens; raises GatewayError where it cannot be read."""
    return _split_again(sql) if len(sql) <= _REMEMBERED_LENGTH else split_statements(tokenize(sql))


@functools.lru_cache(maxsize=_REMEMBERED)
def _split_again(sql: str) -> list[list[Token]]:
    return split_statements(tokenize(sql))


def translate(sql: str, tokens: list[Token], context: Context) -> Plan:
    """PostgreSQL's form of one statement; raises GatewayError naming what is not supported."""
    if len(sql) <= _REMEMBERED_LENGTH and len(split(sql)) == 1:
        return _translate_again(sql, context)
    return _translate(sql, tokens, context)


@functools.lru_cache(maxsize=_REMEMBERED)
def _translate_again(sql: str, context: Context) -> Plan:
    return _translate(sql, _split_again(sql)[0], context)


def _translate(sql: str, tokens: list[Token], context: Context) -> Plan:
    with names_as_written(context.case_sensitive):
        return _translated(sql, tokens, context)


def _translated(sql: str, tokens: list[Token], context: Context, written: str = "") -> Plan:
    """The plan; `written` is what the client wrote where the text has other names already."""
    start, end = tokens[0].start, tokens[-1].end
    if start or end != len(sql):
        sql, tokens = (
            sql[start:end],
            [
                Token(token.kind, token.text, token.start - start, token.end - start)
                for token in tokens
            ],
        )
    try:
        edits = other_databases(tokens, sql, context)
        if edits is not None:
            plan = _elsewhere(edits, context, written or sql)
            return with_way_back(plan, sql, edits).moved(start)
        shortened = shorten(tokens, sql, case_sensitive=context.case_sensitive)
        if shortened is not None:
            edits, names = shortened
            plan = replace(_elsewhere(edits, context, written or sql), long_names=names)
            return with_way_back(plan, sql, edits).moved(start)
        check_syntax(sql, tokens)
        check_leader_only(sql, tokens)
        plain = Restructured(sql, tokens, _known(context))
        with plain.located():
            plan = _handled(Parser(plain.sql, plain.tokens, written or sql), context)
        return _examined(plain.led_back(plan).moved(start), plain.tokens)
    except GatewayError as error:
        if error.position is not None:
            error.position += start
        raise


def _known(context: Context) -> Known:
    return Known(dict(context.columns), context.case_sensitive, context.rows)


def _elsewhere(edits: Edits, context: Context, written: str) -> Plan:
    """The plan of a statement whose names have been replaced."""
    text = edits.render()
    try:
        return _translated(text, tokenize(text), context, written)
    except GatewayError as error:
        if error.position is not None:
            error.position = edits.original_position(error.position - 1) + 1
        raise


def _handled(parser: Parser, context: Context) -> Plan:
    """The plan of the handler for the statement's first words."""
    opening = tuple(token.text for token in parser.tokens[:5])
    for length in range(len(opening), 0, -1):
        handler = HANDLERS.get(opening[:length])
        if handler is not None:
            return handler(parser, context)
    if not parser.peek_word(*_STATEMENTS):
        raise parser.error()
    raise refused(f"Statement {_named(parser.tokens)}", parser.sql, position=1)


def _examined(plan: Plan, tokens: list[Token]) -> Plan:
    """The plan with what the session has to ask PostgreSQL about it."""
    if not plan.looks_up:
        return plan
    return replace(
        plan,
        relations=tuple(find_relations(tokens)),
        lateral=any(token.is_word("select") for token in tokens) and bool(lateral_uses(plan.sql)),
    )
