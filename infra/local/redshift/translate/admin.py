"""Transactions, settings, privileges, maintenance."""

from __future__ import annotations

from dataclasses import replace

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate.databases import schema_in
from infra.local.redshift.translate.lexer import Kind, words
from infra.local.redshift.translate.long_names import whole
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.result import Context, Plan, TransactionVerb

_SNAPSHOT = "begin isolation level repeatable read"

# Settings that PostgreSQL has too and that mean the same.
SHARED = words(
    "search_path statement_timeout timezone datestyle application_name extra_float_digits "
    "client_encoding intervalstyle client_min_messages"
)
# Redshift's own: kept per session so that SHOW gives them back; they change nothing here
# (except enable_case_sensitive_identifier, which the session reads).
OWN = words(
    "query_group wlm_query_slot_count enable_result_cache_for_session "
    "analyze_threshold_percent enable_case_sensitive_identifier enable_vacuum_boost "
    "describe_field_name_in_uppercase downcase_delimited_identifier json_serialization_enable "
    "json_serialization_parse_nested_strings mv_enable_aqmv_for_session autocommit "
    "max_cursor_result_set_size navigate_super_null_on_error error_on_nondeterministic_update "
    "enable_numeric_rounding spectrum_enable_pseudo_columns cast_super_null_on_error "
    "datetime_literal_precision wlm_query_priority auto_mv "
    "enable_case_sensitive_super_attribute use_fips_ssl"
)

# What PostgreSQL 8 has as well, and psycopg2 sets for sessions without transactions
# (connection_int.c, github.com/psycopg/psycopg2).
_OF_SESSIONS = words("default_transaction_isolation default_transaction_read_only")
_LEVELS = ("serializable", "repeatable read", "read committed", "read uncommitted")
# What PostgreSQL has and clients ask for, and Redshift has not:
# https://github.com/sqlalchemy/sqlalchemy/issues/9494
_LACKING = words("standard_conforming_strings")


def no_setting(name: str, sql: str) -> GatewayError:
    """The error for a setting that Redshift lacks, the refusal of any other that is not known."""
    if name in _LACKING:
        return GatewayError("42704", f'unrecognized configuration parameter "{name}"')
    return refused(f"Setting {name}", sql)


def is_on(value: str) -> bool:
    """Whether a setting that is on or off is on."""
    return value.lower() in ("on", "true", "1")


def begin(parser: Parser, _context: Context) -> Plan:
    """BEGIN: snapshot isolation, Redshift's default, whatever level is named."""
    parser.word("begin", "start")
    parser.try_word("work", "transaction")
    if parser.try_words("isolation", "level"):
        _level(parser)
    parser.try_mark(",")
    mode = ""
    if parser.try_word("read"):
        mode = " read " + parser.word("only", "write")
    parser.finish()
    return parser.plan(_SNAPSHOT + mode, tag="BEGIN", verb=TransactionVerb.BEGIN)


def commit(parser: Parser, _context: Context) -> Plan:
    """COMMIT, END."""
    parser.word("commit", "end")
    parser.try_word("work", "transaction")
    parser.finish()
    return parser.plan("commit", verb=TransactionVerb.COMMIT)


def rollback(parser: Parser, _context: Context) -> Plan:
    """ROLLBACK, ABORT. Savepoints are not in Redshift."""
    parser.word("rollback", "abort")
    parser.try_word("work", "transaction")
    if parser.peek_word("to"):
        raise parser.refuse("ROLLBACK TO SAVEPOINT", "Redshift has no savepoints.")
    parser.finish()
    return parser.plan("rollback", verb=TransactionVerb.ROLLBACK)


def truncate(parser: Parser, context: Context) -> Plan:
    """TRUNCATE commits the transaction that it runs in."""
    parser.word("truncate")
    parser.try_word("table")
    parser.dotted_name()
    parser.finish()
    parser.expressions(context)
    return parser.plan(after=("commit",), verb=TransactionVerb.COMMIT)


def lock(parser: Parser, context: Context) -> Plan:
    """LOCK [TABLE] names: an exclusive lock to the end of the transaction."""
    parser.word("lock")
    parser.try_word("table")
    parser.dotted_name()
    while parser.try_mark(","):
        parser.dotted_name()
    parser.finish()
    parser.expressions(context)
    return parser.plan()


def set_value(parser: Parser, context: Context) -> Plan:
    """SET name {TO | =} value; SET SESSION AUTHORIZATION."""
    parser.word("set")
    scope = parser.try_word("session", "local") or "session"
    if parser.peek_word("authorization", "role"):
        parser.expressions(context)
        return parser.plan()
    if parser.peek_word("transaction"):
        raise parser.refuse("SET TRANSACTION", "Name the level in BEGIN.")
    if parser.try_words("time", "zone"):
        name = "timezone"
    else:
        name = parser.name()
        if not parser.try_word("to"):
            parser.mark("=")
    if name == "search_path" and context.away:
        schemas = [_schema(parser)]
        while parser.try_mark(","):
            schemas.append(_schema(parser))
        parser.finish()
        path = ", ".join(
            quote(name if name == "$user" else schema_in(context.away, whole(name)))
            for name in schemas
        )
        return _moved_path(parser, f"set {scope} search_path to {path}", "SET", scope == "local")
    if name in SHARED or name in _OF_SESSIONS:
        if name == "default_transaction_isolation":
            return _isolation(parser)
        parser.expressions(context)
        return parser.plan()
    if name in OWN:
        return _own(parser, name, scope)
    raise no_setting(name, parser.sql)


def _own(parser: Parser, name: str, scope: str) -> Plan:
    """SET of one of Redshift's own settings."""
    token = parser.token
    if token is None:
        raise parser.error()
    value = token.value if token.kind is Kind.STRING else parser.sql[token.start :].strip()
    plan = parser.plan(f"set {scope} redshift.{name} to {literal(value)}", tag="SET")
    if name == "query_group":
        return replace(plan, label=value)
    if name == "enable_case_sensitive_identifier":
        return replace(plan, case_sensitive=is_on(value))
    return plan


def _isolation(parser: Parser) -> Plan:
    """SET default_transaction_isolation: every level is snapshot isolation, as after BEGIN."""
    if not parser.try_word("default") and parser.string().lower() not in _LEVELS:
        raise GatewayError("22023", "invalid value for default_transaction_isolation")
    parser.finish()
    return parser.plan("do 'begin end'", tag="SET")


def characteristics(parser: Parser, _context: Context) -> Plan:
    """SET SESSION CHARACTERISTICS AS TRANSACTION: JDBC drivers' isolation and read-only mode.

    (`setTransactionIsolation` and `setReadOnly` of pgjdbc and of Redshift's driver, which comes
    from it.) The level is snapshot isolation, as after BEGIN.
    """
    parser.try_words("set", "session", "characteristics", "as", "transaction")
    mode = ""
    if parser.try_words("isolation", "level"):
        _level(parser)
        parser.try_mark(",")
    if parser.try_word("read"):
        mode = parser.word("only", "write")
    parser.finish()
    if not mode:
        return parser.plan("do 'begin end'", tag="SET")
    return parser.plan(f"set session characteristics as transaction read {mode}")


def _level(parser: Parser) -> None:
    """The name of an isolation level; all of them are one."""
    if not (
        parser.try_word("serializable", "snapshot")
        or parser.try_words("read", "committed")
        or parser.try_words("read", "uncommitted")
        or parser.try_words("repeatable", "read")
    ):
        raise parser.error()


def _schema(parser: Parser) -> str:
    """A schema of a search path: a name, or a text."""
    token = parser.token
    if token is not None and token.kind is Kind.STRING:
        return parser.string()
    return parser.name()


def _moved_path(parser: Parser, change: str, tag: str, for_transaction: bool = False) -> Plan:
    """A change of the search path, whose schemas are then those of another database."""
    enter = f"perform pg_internal.enter(for_transaction => {for_transaction})"
    return parser.plan(f"do {dollar_quote(f'begin {change}; {enter}; end')}", tag=tag)


def reset(parser: Parser, context: Context) -> Plan:
    """RESET name or ALL, RESET SESSION AUTHORIZATION."""
    parser.word("reset")
    if parser.try_words("session", "authorization"):
        parser.finish()
        return parser.plan()
    name = parser.try_word("all") or parser.name()
    parser.finish()
    if context.used and name == "all":
        raise parser.refuse("RESET ALL after USE", "RESET USE first.")
    if context.away and name in ("all", "search_path"):
        plan = _moved_path(parser, f"reset {name}", "RESET")
        return replace(plan, resets=name if name == "all" else "")
    if name == "all":
        return replace(parser.plan(), resets=name)
    if name == "default_transaction_isolation":
        return parser.plan("do 'begin end'", tag="RESET")
    if name in SHARED or name in _OF_SESSIONS:
        return parser.plan()
    if name in OWN:
        return replace(parser.plan(f"reset redshift.{name}", tag="RESET"), resets=name)
    raise no_setting(name, parser.sql)


def analyze(parser: Parser, _context: Context) -> Plan:
    """ANALYZE [table [(columns)]] [PREDICATE COLUMNS | ALL COLUMNS]; not ANALYZE COMPRESSION."""
    parser.index += 1
    if parser.peek_word("compression"):
        raise parser.refuse("ANALYZE COMPRESSION")
    parser.try_word("verbose")
    table = ""
    if not parser.at_end:
        table = " " + quote(*parser.dotted_name())
        if parser.peek_mark("("):
            parser.skip_parentheses()
        if parser.try_word("predicate", "all"):
            parser.word("columns")
    parser.finish()
    return parser.plan(f"analyze{table}", tag="ANALYZE")


def vacuum(parser: Parser, _context: Context) -> Plan:
    """VACUUM [FULL | SORT ONLY | DELETE ONLY | …] [table] [TO n PERCENT] [BOOST]."""
    parser.word("vacuum")
    if parser.try_word("sort", "delete"):
        parser.word("only")
    else:
        parser.try_word("full", "reindex", "recluster")
    table = ""
    if not parser.at_end and not parser.peek_word("to", "boost"):
        table = " " + quote(*parser.dotted_name())
    if parser.try_word("to"):
        parser.number()
        parser.word("percent")
    parser.try_word("boost")
    parser.finish()
    return parser.plan(f"vacuum{table}", tag="VACUUM")


def cancel(parser: Parser, _context: Context) -> Plan:
    """CANCEL pid ['message']."""
    parser.word("cancel")
    pid = parser.number()
    if not parser.at_end:
        parser.string()
    parser.finish()
    body = f"begin perform pg_cancel_backend({pid}); end"
    return parser.plan(f"do {dollar_quote(body)}", tag="CANCEL")
