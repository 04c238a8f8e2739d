"""CREATE USER and ALTER USER: Redshift's passwords and options for PostgreSQL's roles."""

from __future__ import annotations

import hashlib
import re
import secrets

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate.admin import OWN, SHARED
from infra.local.redshift.translate.long_names import whole
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.result import Context, Plan

_MD5 = re.compile(r"md5[0-9a-f]{32}")
_SHA256 = re.compile(r"sha256\|([0-9a-f]{64})\|((?:[0-9a-f]{2})+)")
# Redshift's CREATEUSER makes a superuser.
_FLAGS = {
    "createdb": "createdb",
    "nocreatedb": "nocreatedb",
    "createuser": "superuser",
    "nocreateuser": "nosuperuser",
}


def md5_verifier(password: str, user: str) -> str:
    """What is kept of a password: `md5` and the MD5 of password and user name."""
    digest = hashlib.md5((password + user).encode(), usedforsecurity=False)
    return f"md5{digest.hexdigest()}"


def group(parser: Parser, context: Context) -> Plan:
    """CREATE, ALTER and DROP GROUP: PostgreSQL's are roles, and it says so."""
    verb = parser.word("create", "alter", "drop")
    parser.expressions(context)
    return parser.plan(tag=f"{verb.upper()} GROUP")


def create_user(parser: Parser, _context: Context) -> Plan:
    """CREATE USER name [WITH] PASSWORD {'…' | 'md5…' | 'sha256|…' | DISABLE} [option …]."""
    return _user(parser, "create")


def alter_user(parser: Parser, _context: Context) -> Plan:
    """ALTER USER name [WITH] option … | RENAME TO … | SET … | RESET …."""
    return _user(parser, "alter")


def _user(parser: Parser, verb: str) -> Plan:
    """A block that changes the role and what is known of its password, one statement for both."""
    parser.word(verb)
    parser.word("user")
    name = parser.name()
    tag = f"{verb.upper()} USER"
    role = f"{verb} user {quote(name)}"
    if verb == "alter" and parser.peek_word("rename", "set", "reset"):
        return _changed(parser, name, role, tag)
    parser.try_word("with")
    options: list[str] = []
    password: list[str] = []
    while not parser.at_end:
        if parser.try_word("password"):
            password.append(_set_password(parser, name))
        else:
            options += _option(parser)
    if verb == "create" and not password:
        raise parser.error()
    body = "; ".join(
        [" ".join([role, *options]), *password] if options or verb == "create" else password
    )
    return parser.plan(f"do {dollar_quote(f'begin {body}; end')}", tag=tag)


def _changed(parser: Parser, name: str, role: str, tag: str) -> Plan:
    """RENAME TO forgets an MD5 password, which has the old name in it; SET and RESET."""
    if parser.try_words("rename", "to"):
        new = parser.name()
        parser.finish()
        forget = f"perform pg_internal.forget_md5({literal(name)})"
        body = f"begin {forget}; {role} rename to {quote(new)}; end"
        return parser.plan(f"do {dollar_quote(body)}", tag=tag)
    start = parser.tokens[parser.index].start
    verb = parser.word("set", "reset")
    setting = parser.name()
    if setting in OWN:
        parser.edits.insert(parser.tokens[parser.index - 1].start, "redshift.")
    elif setting not in SHARED and not (verb == "reset" and setting == "all"):
        raise refused(f"Setting {setting}", parser.sql)
    return parser.plan(f"{role} {parser.edits.render(start)}", tag=tag)


def _set_password(parser: Parser, name: str) -> str:
    disabled = parser.try_word("disable")
    verifier = "null" if disabled else literal(_verifier(parser.string(), name))
    return f"perform pg_internal.set_password({literal(name)}, {verifier})"


def _verifier(password: str, name: str) -> str:
    if _MD5.fullmatch(password) or _SHA256.fullmatch(password):
        return password
    hashed = password.startswith("sha256|")
    plain = password.removeprefix("sha256|")
    _check(plain)
    if not hashed:
        return md5_verifier(plain, whole(name))
    salt = secrets.token_bytes(32)
    return f"sha256|{hashlib.sha256(plain.encode() + salt).hexdigest()}|{salt.hex()}"


def _check(password: str) -> None:
    """Redshift's rules for a password that is given in clear text.

    Its documentation wants ASCII characters only, but it takes others: test_bytes_password of
    test/integration/test_connection.py, github.com/aws/amazon-redshift-python-driver.
    """
    if not (
        8 <= len(password) <= 64
        and any(c.isupper() for c in password)
        and any(c.islower() for c in password)
        and any(c.isdigit() for c in password)
        and all(ord(c) >= 33 and c not in "'\"\\/@\x7f" for c in password)
    ):
        raise GatewayError(
            "22023",
            "the password must have 8 to 64 characters, an upper case and a lower case letter and "
            "a digit",
            hint="It may hold any printable character except ' \" \\ / @ and space.",
        )


def _option(parser: Parser) -> list[str]:
    """One option as PostgreSQL writes it; none for what has no effect here."""
    flag = parser.try_word(*_FLAGS)
    found: list[str] = []
    if flag is not None:
        found = [_FLAGS[flag]]
    elif parser.try_words("syslog", "access"):
        parser.word("restricted", "unrestricted")
    elif parser.try_words("session", "timeout"):
        parser.number()
    elif parser.try_words("valid", "until"):
        found = [f"valid until {literal(parser.string())}"]
    elif parser.try_words("connection", "limit"):
        limit = -1 if parser.try_word("unlimited") else parser.number()
        found = [f"connection limit {limit}"]
    elif parser.try_words("in", "group"):
        groups = [parser.name()]
        while parser.try_mark(","):
            groups.append(parser.name())
        found = [f"in group {', '.join(quote(group) for group in groups)}"]
    elif parser.peek_word("externalid"):
        raise parser.refuse("EXTERNALID")
    else:
        raise parser.error()
    return found
