"""Users, groups, roles, and what is granted to them.

PostgreSQL has one kind of name for all three: a role of Redshift is a role `role:<name>` there, a
group one without login, a user one with login.
"""

from __future__ import annotations

from infra.local.redshift.translate.lexer import words
from infra.local.redshift.translate.parser import Parser, quote
from infra.local.redshift.translate.relations import fold
from infra.local.redshift.translate.result import Context, Plan

ROLE = "role:"
_SYSTEM_ROLES = words("sys:monitor")
# Words of privileges that are not imitated; FOR begins scoped permissions.
_REFUSED = words("assumerole masking rls datashare model share for")


def privileges(parser: Parser, context: Context) -> Plan:
    """GRANT, REVOKE, ALTER DEFAULT PRIVILEGES, to users, groups and roles; GRANT ROLE."""
    grantees = False
    for index, token in enumerate(parser.tokens):
        parser.index = index
        if token.is_word(*_REFUSED) and not _for_user(parser, index):
            raise parser.refuse(f"{token.text.upper()} in {parser.tokens[0].text.upper()}")
        before = parser.tokens[index - 1] if index else None
        if token.is_word("alter", "drop") and before is not None and _lists(parser, index):
            raise parser.refuse(f"The privilege {token.text.upper()}", "GRANT ALL records it.")
        grantees = grantees or token.is_word("to", "from")
        if token.is_word("role") and before is not None:
            if not grantees and before.is_word("grant", "revoke", "for"):
                _roles(parser, index)
            elif grantees and (before.is_word("to", "from") or before.is_mark(",")):
                _role(parser, index)
        if token.is_word("database") and before is not None and before.is_word("on"):
            _first_database(parser, index, context)
    parser.expressions(context)
    return parser.plan(tag=parser.tokens[0].text.upper())


def _first_database(parser: Parser, index: int, context: Context) -> None:
    """Privileges on databases are PostgreSQL's, which has one of them."""
    parser.index = index + 1
    first = context.first or context.database
    if parser.name() != first or parser.peek_mark(","):
        raise parser.refuse(f"{parser.tokens[0].text.upper()} ON DATABASE other than {first}")


def _lists(parser: Parser, index: int) -> bool:
    """Whether a word stands where privileges are listed."""
    before, after = parser.tokens[index - 1], parser.tokens[index + 1 : index + 2]
    return (before.is_word("grant", "revoke", "for") or before.is_mark(",")) and bool(
        after and (after[0].is_word("on") or after[0].is_mark(","))
    )


def _for_user(parser: Parser, index: int) -> bool:
    """FOR belongs to ALTER DEFAULT PRIVILEGES FOR USER, and to GRANT OPTION FOR."""
    parts = parser.tokens
    following = parts[index + 1] if index + 1 < len(parts) else None
    alter = parts[0].is_word("alter") and following is not None and following.is_word("user")
    return parts[index].is_word("for") and (alter or parts[index - 1].is_word("option"))


def _roles(parser: Parser, index: int) -> None:
    """GRANT ROLE a, b TO …: the word goes, the names get their prefix."""
    _role(parser, index)
    after = index + 2
    while after < len(parser.tokens) and not parser.tokens[after].is_word("to", "from"):
        if parser.tokens[after - 1].is_mark(","):
            _prefixed(parser, after)
        after += 1


def _role(parser: Parser, index: int) -> None:
    """`ROLE name` becomes the name with its prefix."""
    parser.index = index + 1
    if parser.token is None or not parser.token.is_name:
        raise parser.error()
    parser.edits.delete(parser.tokens[index].start, parser.tokens[index].end)
    _prefixed(parser, index + 1)


def _prefixed(parser: Parser, index: int) -> None:
    token, end = parser.tokens[index], parser.tokens[index].end
    name = fold(token)
    rest = parser.tokens[index + 1 : index + 3]
    if len(rest) == 2 and rest[0].is_mark(":"):  # one that the system defines
        name, end = f"{name}:{fold(rest[1])}", rest[1].end
        if name not in _SYSTEM_ROLES:
            parser.index = index
            raise parser.refuse(f"The system-defined role {name}")
    parser.edits.replace(token.start, end, quote(ROLE + name))


def create_role(parser: Parser, _context: Context) -> Plan:
    """CREATE ROLE name [EXTERNALID …]."""
    parser.try_words("create", "role")
    name = parser.name()
    if parser.peek_word("externalid"):
        raise parser.refuse("EXTERNALID", "The local gateway has no identity provider.")
    parser.finish()
    return parser.plan(f"create role {quote(ROLE + name)}", tag="CREATE ROLE")


def drop_role(parser: Parser, _context: Context) -> Plan:
    """DROP ROLE name [FORCE | RESTRICT]: FORCE takes it away from its members first, as here."""
    parser.try_words("drop", "role")
    name = parser.name()
    parser.try_word("force", "restrict")
    parser.finish()
    return parser.plan(f"drop role {quote(ROLE + name)}", tag="DROP ROLE")
