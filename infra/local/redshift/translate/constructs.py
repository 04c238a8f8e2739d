"""Redshift's query constructs that change a query's shape, each rewritten to plain SQL.

Before expressions are translated, every construct found by its words is rewritten in the
statement's own text, the innermost first, until none is left. A construct is a pure function from
a text, its tokens and the columns asked so far to edits; None says that nothing is left for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from infra.local.redshift.errors import GatewayError, show_statement
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.division import rewrite_division
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.exclude import rewrite_exclude
from infra.local.redshift.translate.lexer import Kind, Token, tokenize, words
from infra.local.redshift.translate.names import CALLED, name_items
from infra.local.redshift.translate.navigation import rewrite_navigation
from infra.local.redshift.translate.outer_joins import rewrite_outer_joins
from infra.local.redshift.translate.pivot import rewrite_pivot
from infra.local.redshift.translate.qualify import rewrite_qualify, rewrite_top
from infra.local.redshift.translate.result import Plan

Construct = Callable[[str, list[Token], Known], Edits | None]

# In the order in which they are rewritten; the words by which they are noticed.
_CONSTRUCTS: tuple[tuple[frozenset[str], Construct], ...] = (
    (words("top"), rewrite_top),
    (frozenset({".", "["}), rewrite_navigation),
    (words("pivot unpivot"), rewrite_pivot),
    (words("exclude"), rewrite_exclude),
    (frozenset({"(+)"}), rewrite_outer_joins),
    (words("qualify"), rewrite_qualify),
    (frozenset({"/"}), rewrite_division),
    (words("varchar nvarchar varying") | frozenset(CALLED), name_items),
)
_NOTICED = frozenset[str]().union(*(noticed for noticed, _ in _CONSTRUCTS))


# Statements whose expressions stand outside of a SELECT, too: division is all that is there.
_WRITES = ("insert", "update", "delete", "merge")


def _has_query(tokens: list[Token]) -> bool:
    """Whether a SELECT is in the statement; GRANT and REVOKE name a privilege so."""
    return not tokens[0].is_word("grant", "revoke", "alter") and any(
        token.text == "select" for token in tokens
    )


def _noticed(tokens: list[Token]) -> set[str]:
    """The words in a statement by which constructs are noticed."""
    words = _NOTICED if _has_query(tokens) else frozenset[str]()
    if not words and tokens[0].is_word(*_WRITES):
        words = frozenset({"/"})
    return {
        token.text
        for token in tokens
        if token.text in words and token.kind not in (Kind.STRING, Kind.QUOTED)
    }


class Restructured:
    """A statement's text after the rewrites, with the way back for positions."""

    def __init__(self, sql: str, tokens: list[Token], known: Known) -> None:
        self.sql = sql
        self.tokens = tokens
        self._original = sql
        self._steps: list[Edits] = []
        present = _noticed(tokens)
        with self.located():
            for noticed, construct in _CONSTRUCTS:
                while noticed & present:
                    edits = construct(self.sql, self.tokens, known)
                    if edits is None:
                        break
                    self._steps.append(edits)
                    self.sql = edits.render()
                    self.tokens = tokenize(self.sql)

    def _position(self, position: int) -> int:
        """The position in the client's text that a position in ours comes from (both from 0)."""
        for edits in reversed(self._steps):
            position = edits.original_position(position)
        return position

    @contextlib.contextmanager
    def located(self) -> Iterator[None]:
        """Errors raised inside point into the client's text and show its start."""
        try:
            yield
        except GatewayError as error:
            if self._steps:
                if error.position is not None:
                    error.position = self._position(error.position - 1) + 1
                show_statement(error, self._original)
            raise

    def led_back(self, plan: Plan) -> Plan:
        """A plan for our text as one for the client's."""
        inner = plan.to_original
        if not self._steps or inner is None:
            return plan
        return replace(plan, to_original=lambda position: self._position(inner(position)))
