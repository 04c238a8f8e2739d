"""CREATE PROCEDURE, CALL and DROP PROCEDURE in PL/pgSQL.

https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_PROCEDURE.html. Bodies: bodies.py. An OUT
argument is left out in CALL: it becomes INOUT with a default. Refused: NONATOMIC.
"""

from __future__ import annotations

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.bodies import Body, Translate
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.routines import argument_types, is_named
from infra.local.redshift.translate.tables import column_type, telling


def create_procedure(parser: Parser, context: Context, translate: Translate) -> Plan:
    """CREATE [OR REPLACE] PROCEDURE name (arguments) AS $$…$$ LANGUAGE plpgsql [SECURITY …]."""
    parser.word("create")
    replacing = "or replace " if parser.try_words("or", "replace") else ""
    parser.word("procedure")
    name = quote(*parser.dotted_name())
    arguments, names, types = _arguments(parser)
    if parser.peek_word("nonatomic"):
        raise parser.refuse("A NONATOMIC procedure")
    # Before AS as well: test_dbapi20.py, github.com/aws/amazon-redshift-python-driver.
    told = parser.try_words("language", "plpgsql")
    parser.word("as")
    at, text = parser.index, parser.string()
    if not told:
        parser.word("language")
        parser.word("plpgsql")
    security = ""
    if parser.try_word("security"):
        security = f" security {parser.word('invoker', 'definer')}"
    if parser.peek_word("set"):
        raise parser.refuse("SET in CREATE PROCEDURE")
    parser.finish()
    try:
        body = Body(text, context, translate, names).translated()
    except GatewayError as error:
        error.position = parser.tokens[at].start + 1
        raise
    return parser.plan(
        f"create {replacing}procedure {name} ({arguments}) language plpgsql{security} "
        f"as {dollar_quote(body)} "
        f"/*redshift:{telling({'body': text, 'types': types})}*/",
        tag="CREATE PROCEDURE",
    )


def _arguments(parser: Parser) -> tuple[str, set[str], list[str]]:
    """The arguments for PostgreSQL, their names, and their types with their sizes."""
    parser.mark("(")
    arguments: list[str] = []
    types: list[str] = []
    names: set[str] = set()
    optional = False
    while not parser.try_mark(")"):
        mode = parser.try_word("in", "out", "inout")
        name = ""
        if is_named(parser):
            name = parser.name()
            names.add(name)
        mode = mode or parser.try_word("in", "out", "inout") or "in"
        first = parser.index
        column_type(parser)
        kind = parser.edits.render(parser.tokens[first].start, parser.tokens[parser.index - 1].end)
        types.append(kind)
        if optional and mode != "out":
            raise parser.refuse("An argument after an OUT argument")
        optional = optional or mode == "out"
        default = " default null" if mode == "out" else ""
        shown = "inout" if mode == "out" else mode
        arguments.append(f"{shown} {quote(name) if name else ''} {kind}{default}")
        if not parser.try_mark(","):
            parser.mark(")")
            break
    return ", ".join(arguments), names, types


def drop_procedure(parser: Parser, _context: Context) -> Plan:
    """DROP PROCEDURE [IF EXISTS] name [(types)]."""
    parser.word("drop")
    parser.word("procedure")
    lenient = parser.try_words("if", "exists")
    path = ", ".join(map(literal, parser.dotted_name()))
    types = argument_types(parser)
    parser.finish()
    body = (
        f"begin perform pg_internal.drop_procedure(array[{path}]::text[], {types}, "
        f"{str(lenient).lower()}); end"
    )
    return parser.plan(f"do {dollar_quote(body)}", tag="DROP PROCEDURE")


def call(parser: Parser, context: Context) -> Plan:
    """CALL name (arguments), without those that are OUT."""
    parser.word("call")
    parser.dotted_name()
    first = parser.index
    parser.skip_parentheses()
    parser.finish()
    parser.expressions(context, first)
    return parser.plan()
