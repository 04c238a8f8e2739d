"""CREATE, REFRESH, ALTER and DROP MATERIALIZED VIEW.

A materialized view is a table `mv_tbl__<name>__0` that holds its rows, as in Redshift, and a view
in its name over that table (catalog/25_materialized_views.sql).
https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html
"""

from __future__ import annotations

from dataclasses import replace

from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.tables import Attributes, table_attributes
from infra.local.redshift.translate.views import dollar_quote_around

_OPENING = ("materialized", "view")


def create(parser: Parser, context: Context) -> Plan:
    """CREATE MATERIALIZED VIEW name [BACKUP …] [table attributes] [AUTO REFRESH …] AS query."""
    attributes = Attributes(diststyle="even")  # the default, unlike a table's
    parser.try_words("create", *_OPENING)
    parts = parser.dotted_name()
    auto = False
    while not parser.peek_word("as"):
        if parser.try_words("auto", "refresh"):
            auto = parser.word("yes", "no") == "yes"
        elif not table_attributes(parser, attributes):
            raise parser.error()
    parser.word("as")
    first = parser.index
    if parser.at_end:
        raise parser.error()
    parser.query(context, first)
    end = len(parser.sql)
    query = parser.edits.render(parser.tokens[first].start, end)
    original = "create materialized view " + parser.sql[parser.tokens[3].start :]

    def wrap(sql: str) -> str:
        body = (
            "begin perform pg_internal.create_materialized_view("
            f"{literal(quote(*parts))}, {dollar_quote(sql)}, {literal(original)}, "
            f"{literal(attributes.json())}::jsonb, {str(auto).lower()}); end"
        )
        return f"do {dollar_quote_around(body)}"

    plan = parser.plan(query, tag="CREATE MATERIALIZED VIEW", looks_up=True)
    return replace(plan, wrap=wrap, bound="a materialized view")


def refresh(parser: Parser, _context: Context) -> Plan:
    """REFRESH MATERIALIZED VIEW name [RESTRICT | CASCADE]: computed anew as a whole."""
    parser.try_words("refresh", *_OPENING)
    parts = parser.dotted_name()
    cascade = parser.try_word("restrict", "cascade") == "cascade"
    parser.finish()
    return _call(parser, "refresh", parts, str(cascade).lower(), tag="REFRESH MATERIALIZED VIEW")


def alter(parser: Parser, context: Context) -> Plan:
    """ALTER MATERIALIZED VIEW: AUTO REFRESH, distribution and sort keys, owner."""
    parser.try_words("alter", *_OPENING)
    start = parser.index
    parts = parser.dotted_name()
    tag = "ALTER MATERIALIZED VIEW"
    if parser.try_words("auto", "refresh"):
        auto = parser.word("yes", "no") == "yes"
        parser.finish()
        return _call(parser, "set_auto_refresh_of", parts, str(auto).lower(), tag=tag)
    if parser.try_words("owner", "to"):
        parser.name()
        parser.finish()
        parser.expressions(context, start)
        return parser.plan(f"alter view {parser.edits.render(parser.tokens[start].start)}", tag=tag)
    parser.word("alter")
    attributes = Attributes()
    if parser.try_word("distkey") or parser.try_words("diststyle", "key", "distkey"):
        attributes.distkey, attributes.diststyle = parser.name(), "key"
    elif not table_attributes(parser, attributes):
        raise parser.refuse("This form of ALTER MATERIALIZED VIEW")
    parser.finish()
    given = f"{literal(attributes.json())}::jsonb"
    return _call(parser, "set_attributes_of", parts, given, tag=tag)


def drop(parser: Parser, _context: Context) -> Plan:
    """DROP MATERIALIZED VIEW [IF EXISTS] name [, …] [CASCADE | RESTRICT]."""
    parser.try_words("drop", *_OPENING)
    lenient = str(parser.try_words("if", "exists")).lower()
    names = [parser.dotted_name()]
    while parser.try_mark(","):
        names.append(parser.dotted_name())
    cascade = str(parser.try_word("restrict", "cascade") == "cascade").lower()
    parser.finish()
    calls = "".join(
        f"perform pg_internal.drop_materialized_view({literal(quote(*parts))}, {lenient}, "
        f"{cascade}); "
        for parts in names
    )
    return parser.plan(f"do {dollar_quote(f'begin {calls}end')}", tag="DROP MATERIALIZED VIEW")


def _call(parser: Parser, verb: str, parts: tuple[str, ...], argument: str, *, tag: str) -> Plan:
    """One call of a function of the catalog as the whole statement."""
    call = f"pg_internal.{verb}_materialized_view({literal(quote(*parts))}, {argument})"
    return parser.plan(f"do {dollar_quote(f'begin perform {call}; end')}", tag=tag)
