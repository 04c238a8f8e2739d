"""Queries, DML, cursors and the statements that PostgreSQL or the gateway runs as they are."""

from __future__ import annotations

import itertools
from dataclasses import replace

from infra.local.redshift.commands.copy_statement import parse_copy
from infra.local.redshift.commands.fault_statement import parse_fault
from infra.local.redshift.commands.unload_statement import parse_unload
from infra.local.redshift.errors import refused
from infra.local.redshift.translate.databases import located
from infra.local.redshift.translate.parser import Parser
from infra.local.redshift.translate.result import Context, Plan


def query(parser: Parser, context: Context) -> Plan:
    """SELECT, WITH, VALUES and DML: expressions only, relations looked up."""
    if parser.peek_word("delete") and not parser.peek_words("delete", "from"):
        parser.edits.insert(parser.tokens[0].end, " from")
    if not parser.peek_word("insert"):  # SELECT INTO #name makes a temporary table
        for before, name in itertools.pairwise(parser.tokens):
            if before.is_word("into") and name.text.startswith("#"):
                parser.edits.insert(before.end, " temp")
    parser.expressions(context)
    return parser.plan(looks_up=True)


def copy(parser: Parser, context: Context) -> Plan:
    """COPY, which the gateway runs."""
    command = parse_copy(parser.sql, parser.tokens)
    command = replace(command, stored_in=located(command.table, context))
    return parser.plan(command=command, tag="COPY")


def fault(parser: Parser, _context: Context) -> Plan:
    """A call of the gateway's own functions; the session puts its result in."""
    call = parse_fault(parser)
    return replace(parser.plan(f"select ''::varchar as {call.action.value}"), fault=call)


def unload(parser: Parser, _context: Context) -> Plan:
    """UNLOAD, which the gateway runs."""
    return parser.plan(command=parse_unload(parser.sql, parser.tokens), tag="UNLOAD")


def explain(parser: Parser, context: Context) -> Plan:
    """EXPLAIN of a query; VERBOSE is the only option in Redshift."""
    parser.word("explain")
    parser.try_word("verbose")
    if not (parser.peek_word("select", "with", "insert", "update", "delete", "create", "values")):
        raise refused("EXPLAIN of this statement", parser.sql)
    parser.expressions(context)
    return parser.plan(looks_up=True)


def prepare(parser: Parser, context: Context) -> Plan:
    """PREPARE of a query: https://docs.aws.amazon.com/redshift/latest/dg/r_PREPARE.html."""
    parser.word("prepare")
    parser.name()
    if parser.peek_mark("("):
        parser.skip_parentheses()
    parser.word("as")
    parser.word("select", "with", "insert", "update", "delete")
    parser.expressions(context)
    return parser.plan(looks_up=True)


def declare(parser: Parser, context: Context) -> Plan:
    """DECLARE name CURSOR FOR query: https://docs.aws.amazon.com/redshift/latest/dg/declare.html.

    NO SCROLL and WITHOUT HOLD, which psycopg2 writes, are what a cursor is without them.
    """
    parser.word("declare")
    parser.name()
    parser.try_words("no", "scroll")
    for option in ("binary", "insensitive", "scroll"):
        if parser.peek_word(option):
            raise parser.refuse(f"DECLARE … {option.upper()}")
    parser.word("cursor")
    if parser.peek_word("with"):
        raise parser.refuse("DECLARE … WITH HOLD")
    parser.try_words("without", "hold")
    parser.word("for")
    parser.expressions(context)
    return replace(parser.plan(looks_up=True), opens_cursor=True)


def cursor(parser: Parser, context: Context) -> Plan:
    """FETCH, CLOSE."""
    parser.expressions(context)
    return parser.plan()


def native(parser: Parser, context: Context) -> Plan:
    """Statements that mean the same in both."""
    parser.expressions(context)
    return parser.plan()
