"""SHOW: settings, and what is in the catalog as queries over its functions.

https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_GRANTS.html and its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.local.redshift.errors import refused
from infra.local.redshift.translate.admin import OWN, SHARED, no_setting
from infra.local.redshift.translate.lexer import Kind, words
from infra.local.redshift.translate.parser import Parser, literal, quote
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.routines import argument_types

# The session puts the late-binding views into calls of this.
LATE_BINDING_COLUMNS = "pg_internal.late_binding_columns"
# What drivers ask for and may not change.
_SHOWN = words("server_version transaction_isolation")
# The words after SHOW, the function in the catalog, whether a name follows.
_LISTINGS = {
    ("tables", "from", "schema"): ("show_tables", True),
    ("columns", "from", "table"): ("show_columns", True),
    ("schemas", "from", "database"): ("show_schemas", True),
    ("databases",): ("show_databases", False),
    ("procedures", "from", "schema"): ("show_procedures", True),
    ("functions", "from", "schema"): ("show_functions", True),
    ("parameters", "of", "procedure"): ("show_procedure_parameters", True),
    ("parameters", "of", "function"): ("show_function_parameters", True),
    ("column", "grants", "on", "table"): ("show_column_grants", True),
}
# The same without LIKE, and the arguments after the path.
_CONSTRAINTS = {
    ("primary", "keys", "from", "table"): ("show_primary_keys", ""),
    ("foreign", "keys", "from", "table"): ("show_foreign_keys", ", false"),
    ("foreign", "keys", "exported", "from", "table"): ("show_foreign_keys", ", true"),
}
# One row with a statement; the column has the name that Redshift gives it.
_DEFINITIONS = {
    "table": ("show_table", "Show Table DDL statement"),
    "view": ("show_view", "Show View DDL statement"),
}


def show(parser: Parser, _context: Context) -> Plan:
    """SHOW setting, TABLE, VIEW, and the listings of tables, columns, routines, keys, grants …"""
    parser.word("show")
    for opening, (function, named) in _LISTINGS.items():
        if parser.try_words(*opening):
            return _listing(parser, function, _path(parser) if named else _array(()))
    for kind, (function, column) in _DEFINITIONS.items():
        if parser.try_word(kind):
            path = _array(parser.dotted_name())
            parser.finish()
            call = f"pg_internal.{function}({path})"
            return parser.plan(f"select {call} as {quote(column)}", tag="SHOW")
    if parser.try_word("procedure"):
        call = f"pg_internal.show_procedure({_path(parser)}, {argument_types(parser)})"
        parser.finish()
        return parser.plan(f'select {call} as "Stored Procedure Definition"', tag="SHOW")
    if parser.try_word("constraints"):
        return _constraints(parser)
    if parser.try_word("grants"):
        return _grants(parser)
    return _setting(parser)


def _setting(parser: Parser) -> Plan:
    """SHOW of a setting."""
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


def _path(parser: Parser) -> str:
    """A dotted name as an array; drivers send its parts as parameters (`$1.$2`)."""
    parts = [_given(parser, parser.name)]
    while parser.try_mark("."):
        parts.append(_given(parser, parser.name))
    return f"array[{', '.join(parts)}]::text[]"


def _given(parser: Parser, read: Callable[[], str]) -> str:
    """What is read as a literal, or the parameter in its place."""
    token = parser.token
    if token is not None and token.kind is Kind.PARAMETER:
        parser.index += 1
        return token.text
    return literal(read())


def _array(parts: tuple[str, ...]) -> str:
    return "array[" + ", ".join(literal(part) for part in parts) + "]::text[]"


def _limit(parser: Parser) -> str:
    """LIMIT n at the end of a SHOW command."""
    limit = f" limit {parser.number()}" if parser.try_word("limit") else ""
    parser.finish()
    return limit


def _constraints(parser: Parser) -> Plan:
    """SHOW CONSTRAINTS {PRIMARY KEYS | FOREIGN KEYS [EXPORTED]} FROM TABLE name [LIMIT n]."""
    for opening, (function, more) in _CONSTRAINTS.items():
        if parser.try_words(*opening):
            call = f"pg_internal.{function}({_path(parser)}{more})"
            return parser.plan(f"select * from {call}{_limit(parser)}", tag="SHOW")  # noqa: S608
    raise parser.error()


def _listing(parser: Parser, function: str, arguments: str) -> Plan:
    """A SHOW command as a query over its function in the catalog."""
    types = ""
    if function.endswith("_parameters"):
        types = f", types => {argument_types(parser)}"
    pattern = f", pattern => {_given(parser, parser.string)}" if parser.try_word("like") else ""
    pattern += types
    limit = _limit(parser)
    call = f"pg_internal.{function}({arguments}{pattern})"
    if function == "show_columns":  # of a late-binding view as well
        call += (
            f" union all select * from pg_internal.show_late_binding_columns({arguments}, "  # noqa: S608 quoted literals
            f"(select jsonb_agg(c) from {LATE_BINDING_COLUMNS}() as c("
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
        path = _path(parser)
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
