"""PostgreSQL's query syntax that Redshift does not have: an error here too.

A query that works here and fails in Redshift would be a lie. Sources: r_SELECT_synopsis, r_UNION,
r_INSERT_30, c_unsupported-postgresql-features and c_unsupported-postgresql-functions in
docs.aws.amazon.com/redshift/latest/dg; IS DISTINCT FROM also github.com/jakob/Postico/issues/446.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.lexer import Kind, Token

_Before = Callable[[Token, Token, Token], bool]


def _follows(*words: str) -> _Before:
    return lambda before, _after, _next: before.is_word(*words)


def _precedes(*words: str) -> _Before:
    return lambda _before, after, _next: after.is_word(*words)


# The word at which PostgreSQL's syntax is noticed, what stands around it, and its name.
_CONSTRUCTS: dict[str, tuple[_Before, str]] = {
    "on": (_follows("distinct"), "DISTINCT ON"),
    "filter": (
        lambda before, after, following: (
            before.is_mark(")") and after.is_mark("(") and following.is_word("where")
        ),
        "FILTER on aggregates",
    ),
    "lateral": (
        lambda before, _after, _next: before.is_mark(",") or before.is_word("from", "join"),
        "LATERAL",
    ),
    "conflict": (_follows("on"), "ON CONFLICT"),
    "values": (
        lambda before, after, _next: before.is_mark("(") and after.is_mark("("),
        "VALUES as a table",
    ),
    "all": (_follows("intersect", "except", "minus"), "INTERSECT, EXCEPT and MINUS ALL"),
    "fetch": (
        lambda _before, after, following: (
            after.is_word("first", "next")
            and (following.is_word("row", "rows", "only") or following.kind is Kind.NUMBER)
        ),
        "FETCH FIRST",
    ),
    "window": (
        lambda before, after, following: (
            not before.is_word("as") and after.is_name and following.is_word("as")
        ),
        "the WINDOW clause",
    ),
    "distinct": (
        lambda before, after, _next: before.is_word("is", "not") and after.is_word("from"),
        "IS DISTINCT FROM",
    ),
    "symmetric": (_follows("between"), "BETWEEN SYMMETRIC"),
    "tablesample": (lambda _before, _after, following: following.is_mark("("), "TABLESAMPLE"),
    "for": (_precedes("update", "share"), "FOR UPDATE"),
}
# Operators on JSON, arrays and text search, by their first two characters.
_OPERATORS = frozenset({"->", "#>", "@>", "<@", "@@", "^@", "&&", "?|", "?&"})
_WRITES = ("insert", "update", "delete", "merge")


def check_syntax(sql: str, tokens: list[Token]) -> None:
    """Raise GatewayError for what PostgreSQL would take and Redshift would not."""
    last = len(tokens) - 1
    for index in range(1, last):
        token = tokens[index]
        found = _CONSTRUCTS.get(token.text)
        if found is not None and token.is_word(token.text):
            noticed, name = found
            if noticed(tokens[index - 1], tokens[index + 1], tokens[min(index + 2, last)]):
                raise _error(sql, token, name)
        if token.kind is Kind.OPERATOR and token.end == tokens[index + 1].start:
            _check_operator(token.text + tokens[index + 1].text, token)
        if token.is_word("connect") and tokens[index + 1].is_word("by"):
            raise refused("A hierarchical query (CONNECT BY)", sql, position=token.start + 1)
    if tokens[0].is_word(*_WRITES):
        for index in range(1, last):
            if tokens[index].is_word("returning") and not tokens[index - 1].is_mark("."):
                raise _error(sql, tokens[index], "RETURNING")


def _check_operator(written: str, token: Token) -> None:
    """Raise GatewayError for an operator that Redshift does not have."""
    if written in _OPERATORS:
        raise GatewayError(
            "42883",
            f"operator does not exist: {written}",
            detail="PostgreSQL behind the local gateway has it, Redshift does not.",
            position=token.start + 1,
        )


def _error(sql: str, token: Token, name: str) -> GatewayError:
    return GatewayError(
        SYNTAX_ERROR,
        f'syntax error at or near "{sql[token.start : token.end]}"',
        detail=f"PostgreSQL behind the local gateway has {name}, Redshift does not.",
        position=token.start + 1,
    )
