"""SHOW: settings, and what is in the catalog as queries over its functions.

https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_GRANTS.html and its neighbours.
"""

from __future__ import annotations

from infra.local.redshift.errors import refused
from infra.local.redshift.translate.admin import OWN, SHARED, no_setting
from infra.local.redshift.translate.lexer import words
from infra.local.redshift.translate.parser import Parser, literal, quote
from infra.local.redshift.translate.result import Context, Plan

# The session puts the late-binding views into this call.
LATE_BINDING_COLUMNS = "pg_internal.late_binding_columns()"
# What drivers ask for and may not change.
_SHOWN = words("server_version transaction_isolation")
# The words after SHOW, the function in the catalog, whether a name follows.
_LISTINGS = {
    ("tables", "from", "schema"): ("show_tables", True),
    ("columns", "from", "table"): ("show_columns", True),
    ("schemas", "from", "database"): ("show_schemas", True),
    ("databases",): ("show_databases", False),
}
# One row with a statement; the column has the name that Redshift gives it.
_DEFINITIONS = {
    "table": ("show_table", "Show Table DDL statement"),
    "view": ("show_view", "Show View DDL statement"),
}


def show(parser: Parser, _context: Context) -> Plan:
    """SHOW setting, TABLE, VIEW, TABLES, COLUMNS, SCHEMAS, DATABASES, GRANTS."""
    parser.word("show")
    for opening, (function, named) in _LISTINGS.items():
        if parser.try_words(*opening):
            return _listing(parser, function, parser.dotted_name() if named else ())
    for kind, (function, column) in _DEFINITIONS.items():
        if parser.try_word(kind):
            path = _array(parser.dotted_name())
            parser.finish()
            call = f"pg_internal.{function}({path})"
            return parser.plan(f"select {call} as {quote(column)}", tag="SHOW")
    if parser.try_word("grants"):
        return _grants(parser)
    name = parser.name()
    if name == "transaction" and parser.try_words("isolation", "level") and parser.at_end:
        return parser.plan("show transaction_isolation")
    if not parser.at_end or name == "all":
        raise refused(f"SHOW {name.upper()}", parser.sql)
    if name in OWN or name == "search_path":
        value = f"pg_internal.current_setting({literal(name)})"
        value = value if name in OWN else "pg_internal.shown_path()"
        return parser.plan(f"select {value} as {quote(name)}", tag="SHOW")
    if name in SHARED or name in _SHOWN:
        return parser.plan()
    raise no_setting(name, parser.sql)


def _array(parts: tuple[str, ...]) -> str:
    return "array[" + ", ".join(literal(part) for part in parts) + "]::text[]"


def _limit(parser: Parser) -> str:
    """LIMIT n at the end of a SHOW command."""
    limit = f" limit {parser.number()}" if parser.try_word("limit") else ""
    parser.finish()
    return limit


def _listing(parser: Parser, function: str, parts: tuple[str, ...]) -> Plan:
    """A SHOW command as a query over its function in the catalog."""
    like = parser.string() if parser.try_word("like") else ""
    limit = _limit(parser)
    pattern = f", pattern => {literal(like)}" if like else ""
    arguments = _array(parts)
    call = f"pg_internal.{function}({arguments}{pattern})"
    if function == "show_columns":  # of a late-binding view as well
        call += (
            f" union all select * from pg_internal.show_late_binding_columns({arguments}, "  # noqa: S608 quoted literals
            f"(select jsonb_agg(c) from {LATE_BINDING_COLUMNS} as c("
            f"s varchar, v varchar, n varchar, t varchar, i int)){pattern})"
        )
    return parser.plan(f"select * from {call}{limit}", tag="SHOW")  # noqa: S608 quoted literals


# The columns of SHOW GRANTS ON DATABASE.
_OF_DATABASE = (
    "database_name, privilege_type, identity_id, identity_name, identity_type, admin_option, "
    "privilege_scope, grantor_name"
)


def _grants(parser: Parser) -> Plan:
    """SHOW GRANTS ON {TABLE | SCHEMA | DATABASE} name [FOR who], SHOW GRANTS FOR who."""
    call, columns = "pg_internal.show_grants(null, null)", "*"
    if parser.try_word("on"):
        if parser.peek_word("function", "template"):
            raise refused(f"SHOW GRANTS ON {parser.name().upper()}", parser.sql)
        kind = parser.try_word("schema", "database", "table") or "table"
        path = _array(parser.dotted_name())
        call = f"pg_internal.show_grants({literal(kind.upper())}, {path})"
        columns = _OF_DATABASE if kind == "database" else "*"
        who = _grantee(parser) if parser.try_word("for") else ""
    else:
        parser.word("for")
        who = _grantee(parser)
    return parser.plan(f"select {columns} from {call} as g{who}{_limit(parser)}", tag="SHOW")  # noqa: S608 quoted literals


def _grantee(parser: Parser) -> str:
    """The condition for one user, role or PUBLIC."""
    if parser.try_word("role"):
        return f" where identity_type = 'role' and identity_name = {literal(parser.name())}"
    if parser.try_word("public"):
        return " where identity_type = 'public'"
    return f" where identity_type = 'user' and identity_name = {literal(parser.name())}"
