"""Databases of the cluster: which schema of PostgreSQL a name means.

All databases live in one of PostgreSQL: schema `s` of another database `d` than that is its schema
`d`, SEPARATOR, `s` (catalog/15_databases.sql). Here names get that schema: those with three parts,
and, where names without a database are in another one (a session that has logged in to it, or USE),
those with two. It is done where the grammar has relations, functions and schemas; a column's name
is left alone.
"""

from __future__ import annotations

from dataclasses import replace

from infra.local.redshift.errors import SEPARATOR, GatewayError
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token, tokenize, words
from infra.local.redshift.translate.long_names import (
    names_relation,
    names_schema,
    stored,
    whole,
    written,
)
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.relations import (
    Relation,
    find_relations,
    fold,
    qualified_name,
)
from infra.local.redshift.translate.result import Context, Plan

# These take the database's name themselves.
_OWN_WAY = words("show copy unload")
# Words before a relation's name in DDL; in GRANT, REVOKE and COMMENT also ON.
_BEFORE_NAME = words(
    "table view exists function procedure references truncate lock analyze analyse vacuum verbose "
    "full only reindex recluster"
)
_LISTS = words("drop grant revoke lock")
_SYSTEM_SCHEMAS = words("pg_catalog information_schema pg_internal starlift_gateway")


def namespace(database: str, schema: str) -> str:
    """PostgreSQL's schema for a schema of another database."""
    return f"{database}{SEPARATOR}{schema}"


def schema_in(away: str, schema: str) -> str:
    """PostgreSQL's name of a schema of another database, of its own where `away` is empty."""
    return schema if not away or is_system(schema) else stored(namespace(away, schema))


def located(parts: tuple[str, ...], context: Context) -> tuple[str, ...]:
    """PostgreSQL's name of a relation."""
    first = context.first or context.database
    if len(parts) == 3:
        return parts[1:] if parts[0] == first else (stored(namespace(*parts[:2])), parts[2])
    return (schema_in(context.away, parts[0]), parts[1]) if len(parts) == 2 else parts


def is_system(schema: str) -> bool:
    """Whether a schema is in every database, or named as PostgreSQL has it."""
    return schema in _SYSTEM_SCHEMAS or schema.startswith("pg_temp") or SEPARATOR in whole(schema)


def other_databases(tokens: list[Token], sql: str, context: Context) -> Edits | None:
    """The edits for names in other databases, None when there are none."""
    away = context.away
    if tokens[0].is_word(*_OWN_WAY) or not (away or any(token.is_mark(".") for token in tokens)):
        return None
    names = _Names(tokens, context)
    edits = Edits(sql)
    index, last, found = 0, len(tokens) - 1, False
    while index <= last:
        token = tokens[index]
        if away and token.kind is Kind.STRING:
            path = _named_in_text(tokens, index, context)
            if path is not None:
                edits.replace(token.start, token.end, literal(path))
                found = True
        if (
            not token.is_name
            or (index and tokens[index - 1].is_mark("."))
            or not (away or tokens[min(index + 1, last)].is_mark("."))
        ):
            index += 1
            continue
        parts, after = qualified_name(tokens, index)
        moved = names.moved(index, after, parts)
        if moved is not None:
            edits.replace(token.start, tokens[after - 1].end, quote(*moved))
            found = True
        index = after
    return edits if found else None


def _named_in_text(tokens: list[Token], index: int, context: Context) -> str | None:
    """PostgreSQL's form of a name in a literal, None where it stays as it is."""
    text = tokens[index].value
    if names_schema(tokens, index):
        schema = schema_in(context.away, text)
        return None if schema == text else schema
    if not names_relation(tokens, index):
        return None
    try:
        parts = tuple(fold(token) for token in tokenize(text) if token.is_name)
    except GatewayError:
        return None
    moved = located(parts, context)
    return None if moved == parts else written(moved)


class _Names:
    """Which dotted names of a statement are in another database, and how PostgreSQL calls them."""

    def __init__(self, tokens: list[Token], context: Context) -> None:
        self._tokens = tokens
        self._first_word = tokens[0]
        self._first, self._away = context.first or context.database, context.away
        relations = find_relations(tokens)
        aliases = {name for r in relations for name in (r.name, _alias(tokens, r))}
        # `from orders as o, o.items.parts` unnests a column.
        relations = [r for r in relations if r.parts[0] not in aliases or len(r.parts) == 1]
        self._starts = {relation.start for relation in relations}
        self._foreign = {
            r.parts for r in relations if r.parts[0] != self._first and not is_system(r.parts[0])
        }
        if self._away:  # with and without the database
            self._foreign |= {(self._away, *parts) for parts in self._foreign if len(parts) == 2}
            self._foreign |= {
                parts[1:] for parts in self._foreign if len(parts) == 3 and parts[0] == self._away
            }

    def moved(self, index: int, after: int, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        """The name in PostgreSQL, None where it stays as it is."""
        if self._is_schema(index):
            return self._schema(parts)
        if self._first_word.is_word("comment") and self._tokens[index - 1].is_word("column"):
            table = self._relation(parts[:-1])
            return None if table is None else (*table, parts[-1])
        if len(parts) > 2 and parts[:-1] in self._foreign:  # a column of such a relation
            table = self._relation(parts[:-1])
            return None if table is None else (*table, parts[-1])
        if not self._is_relation(index, after, len(parts)):
            return None
        return self._relation(parts)

    def _relation(self, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        """A relation or a function."""
        if len(parts) == 3:
            return None if parts[0] == self._first else (namespace(*parts[:2]), parts[2])
        if len(parts) != 2 or not self._away or is_system(parts[0]):
            return None
        return namespace(self._away, parts[0]), parts[1]

    def _schema(self, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        """CREATE, DROP, ALTER SCHEMA, GRANT … ON SCHEMA."""
        if len(parts) == 2 and parts[0] != self._first:
            return (namespace(*parts),)
        if len(parts) == 1 and self._away and not is_system(parts[0]):
            return (namespace(self._away, parts[0]),)
        return None

    def _is_schema(self, index: int) -> bool:
        """Whether the name of a schema stands at an index."""
        tokens, first = self._tokens, self._first_word
        if not first.is_word("create", "drop", "grant", "revoke", "alter") or not index:
            return False
        if tokens[index].is_word("if", "authorization"):
            return False
        if first.is_word("alter") and tokens[1].is_word("schema"):
            return index == 2 or (tokens[index - 2].is_word("rename"))
        while index > 2 and tokens[index - 1].is_mark(","):  # one of a list
            index -= 2
            while index > 2 and tokens[index - 1].is_mark("."):
                index -= 2
        if tokens[index - 1].is_word("schema"):
            return index == 2 or tokens[index - 2].is_word("on", "in")
        return tokens[index - 1].is_word("exists") and tokens[1].is_word("schema")

    def _is_relation(self, index: int, after: int, size: int) -> bool:
        """Whether a relation's or a function's name stands at an index."""
        tokens, first = self._tokens, self._first_word
        called = after < len(tokens) and tokens[after].is_mark("(") and not first.is_word("insert")
        if tokens[index].start in self._starts or (called and (size == 3 or self._away)):
            return True
        if not index or first.is_word("select", "with", "insert", "update", "delete"):
            return False
        before = tokens[index - 1]
        return (
            before.is_word(*_BEFORE_NAME)
            or (before.is_word("on") and first.is_word("grant", "revoke", "comment"))
            or (before.is_mark(",") and first.is_word(*_LISTS))
            or (before.is_word("like") and tokens[index - 2].text in ("(", ","))
        )


def _alias(tokens: list[Token], relation: Relation) -> str:
    """The alias of a relation, empty for none."""
    following = [token for token in tokens if token.start >= relation.end][:2]
    following = following[1:] if following and following[0].is_word("as") else following
    return fold(following[0]) if relation.has_alias and following else ""


def with_way_back(plan: Plan, sql: str, edits: Edits) -> Plan:
    """A plan for the edited text as one for the client's."""
    inner = plan.to_original
    if inner is None:
        return replace(plan, original=sql)
    return replace(
        plan,
        original=sql,
        to_original=lambda position: edits.original_position(inner(position)),
    )


def create_database(parser: Parser, _context: Context) -> Plan:
    """CREATE DATABASE name [WITH] [OWNER …] [CONNECTION LIMIT …] [ISOLATION LEVEL SNAPSHOT]."""
    parser.try_words("create", "database")
    name = whole(parser.name())
    if parser.peek_word("from"):
        raise parser.refuse("A database from a datashare or an integration")
    parser.try_word("with")
    while not parser.at_end:
        if parser.try_word("owner"):
            parser.try_mark("=")
            parser.name()
        elif parser.try_words("connection", "limit"):
            if not parser.try_word("unlimited"):
                parser.number()
        elif parser.try_words("collate", "case_sensitive"):
            pass
        elif not parser.try_words("isolation", "level", "snapshot"):
            raise parser.refuse("This option of CREATE DATABASE")
    return _call(parser, "create_database", name, "CREATE DATABASE")


def drop_database(parser: Parser, _context: Context) -> Plan:
    """DROP DATABASE name [FORCE]."""
    parser.try_words("drop", "database")
    name = whole(parser.name())
    parser.try_word("force")
    parser.finish()
    return _call(parser, "drop_database", name, "DROP DATABASE")


def _call(parser: Parser, function: str, name: str, tag: str) -> Plan:
    """A call of the catalog's function, outside of transactions only."""
    body = f"do $rs$ begin perform pg_internal.{function}({literal(name)}); end $rs$"
    return replace(parser.plan(body, tag=tag), alone=tag)


def use(parser: Parser, context: Context) -> Plan:
    """USE database, RESET USE: where names without a database are looked up.

    https://docs.aws.amazon.com/redshift/latest/dg/r_USE_command.html
    """
    tag = parser.word("use", "reset").upper()
    if tag == "RESET":
        parser.word("use")
        database = ""
    else:
        database = whole(parser.name())
        database = "" if database == context.database else database
    parser.finish()
    body = f"begin set search_path to default; perform pg_internal.enter({literal(database)}); end"
    return replace(parser.plan(f"do {dollar_quote(body)}", tag=tag), used=database)


def show_use(parser: Parser, context: Context) -> Plan:
    """SHOW USE: the database that USE has named, empty for none."""
    parser.try_words("show", "use")
    parser.finish()
    return parser.plan(f'select {literal(context.used)}::varchar as "Use Database"', tag="SHOW")
