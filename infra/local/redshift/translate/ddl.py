"""ALTER TABLE, DROP, and schemas."""

from __future__ import annotations

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.append import append_table
from infra.local.redshift.translate.databases import schema_in
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.tables import (
    Attributes,
    column,
    column_type,
    table_attributes,
    table_key,
)


def create_schema(parser: Parser, context: Context) -> Plan:
    """CREATE SCHEMA [IF NOT EXISTS] name [AUTHORIZATION user] [QUOTA …]; a database may qualify it.

    Two sessions that create it at once both succeed with IF NOT EXISTS.
    """
    parser.try_words("create", "schema")
    lenient = parser.try_words("if", "not", "exists")
    owner = ""
    if parser.try_word("authorization"):
        owner = parser.name()
        parts: tuple[str, ...] = (schema_in(context.away, owner),)
    else:
        parts = parser.dotted_name()
    if parser.try_word("authorization"):
        owner = parser.name()
    if parser.try_word("quota") and not parser.try_word("unlimited"):
        parser.number()
        parser.word("mb", "gb", "tb")
    parser.finish()
    parser.expressions(context)
    suffix = f" authorization {quote(owner)}" if owner else ""
    statement = f"create schema {quote(parts[-1])}{suffix}"
    if not lenient:
        return parser.plan(statement)
    body = (
        f"begin create schema if not exists {quote(parts[-1])}{suffix}; "
        "exception when unique_violation or duplicate_schema then null; end"
    )
    return parser.plan(f"do {dollar_quote(body)}", tag="CREATE SCHEMA")


def drop(parser: Parser, context: Context) -> Plan:
    """DROP TABLE, VIEW, SCHEMA; a schema's name may carry the database."""
    parser.word("drop")
    kind = parser.word("table", "view", "schema")
    parser.try_words("if", "exists")
    while True:
        first = parser.index
        parts = parser.dotted_name()
        if kind == "schema" and len(parts) == 2:
            parser.delete(first, first + 2)
        if not parser.try_mark(","):
            break
    parser.try_word("cascade", "restrict")
    parser.finish()
    parser.expressions(context)
    return parser.plan()


def alter_table(parser: Parser, context: Context) -> Plan:
    """ALTER TABLE: columns, names, owner, distribution and sort keys."""
    parser.try_words("alter", "table")
    parts = parser.dotted_name()
    attributes = Attributes()
    if parser.peek_word("append"):
        return append_table(parser, parts)
    if parser.try_word("add"):
        if parser.peek_word("constraint", "primary", "unique", "foreign", "check"):
            table_key(parser, attributes)
            parser.finish()
            return _record(parser, parts, attributes)
        parser.try_word("column")
        if parser.try_words("if", "not", "exists"):
            raise parser.refuse("ADD COLUMN IF NOT EXISTS", "Redshift does not have it.")
        first = parser.index
        _, not_null = column(parser, context, attributes, parts[-1])
        _needs_default(parser, first, not_null=not_null)
        parser.finish()
        parser.edits.insert(len(parser.sql), attributes.comment())
        return parser.plan()
    if parser.try_word("drop"):
        if parser.try_word("constraint"):
            return _drop_key(parser, parts)
        parser.try_word("column")
    elif parser.peek_word("rename", "owner"):
        parser.index += 1
    elif parser.try_word("alter"):
        return _alter_what(parser, context, parts, attributes)
    else:
        raise parser.refuse("This form of ALTER TABLE")
    parser.expressions(context)
    return parser.plan()


def _needs_default(parser: Parser, first: int, *, not_null: bool) -> None:
    """A column that is added NOT NULL needs a default.

    The error as TestRedshiftConnectorTest of github.com/trinodb/trino has it.
    """
    words = [token.text for token in parser.tokens[first : parser.index]]
    given = "default" in words and words[words.index("default") + 1 :][:1] != ["null"]
    if not_null and not given:
        raise GatewayError(
            "0A000",
            "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression",
            position=parser.tokens[first].start + 1,
        )


def _alter_what(
    parser: Parser, context: Context, parts: tuple[str, ...], attributes: Attributes
) -> Plan:
    """ALTER COLUMN, and ALTER DISTSTYLE, DISTKEY, SORTKEY, ENCODE."""
    if parser.try_word("column"):
        name = parser.name()
        if parser.try_word("encode"):
            attributes.encodings[name] = parser.name()
            parser.finish()
            return _record(parser, parts, attributes)
        parser.word("type")
        if not parser.peek_word("varchar", "character", "nvarchar"):
            raise parser.refuse("ALTER COLUMN TYPE to anything but VARCHAR", "Neither in Redshift.")
        column_type(parser)
        parser.finish()
        parser.expressions(context, 0, parser.index)
        return parser.plan()
    if parser.try_word("distkey") or parser.try_words("diststyle", "key", "distkey"):
        attributes.distkey, attributes.diststyle = parser.name(), "key"
    elif not table_attributes(parser, attributes):
        raise parser.refuse("This form of ALTER TABLE")
    parser.finish()
    return _record(parser, parts, attributes)


def _drop_key(parser: Parser, parts: tuple[str, ...]) -> Plan:
    """DROP CONSTRAINT name [RESTRICT | CASCADE] of a key that is recorded."""
    name = parser.name()
    parser.try_word("restrict", "cascade")
    parser.finish()
    body = (
        f"begin perform pg_internal.drop_key({literal(quote(*parts))}::regclass, "
        f"{literal(name)}); end"
    )
    return parser.plan(f"do {dollar_quote(body)}", tag="ALTER TABLE")


def _record(parser: Parser, parts: tuple[str, ...], attributes: Attributes) -> Plan:
    """Only the catalog changes."""
    body = (
        f"begin perform pg_internal.set_table_attributes({literal(quote(*parts))}::regclass, "
        f"{literal(attributes.json())}::jsonb); end"
    )
    return parser.plan(f"do {dollar_quote(body)}", tag="ALTER TABLE")
