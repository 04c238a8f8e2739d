"""Division of NUMERIC: `a / b` with the scale that Redshift gives it, cut and not rounded.

PostgreSQL gives a quotient sixteen significant digits or more, Redshift a scale that follows from
the operands' types (numeric_types.py, scope.py). Where one of them stays unknown the division is
left as it is. Redshift divides scaled integers, so that digits after the scale are cut: its guide
does not say so, users of AVG do (ImplementRedshiftAvgDecimal.java, github.com/trinodb/trino).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from infra.local.redshift.translate.blocks import Block, items
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token
from infra.local.redshift.translate.numeric_types import Family, NumberType, Reader, quotient
from infra.local.redshift.translate.scope import Scope
from infra.local.redshift.translate.types import operand

_QUOTIENT = "quotient"
_ANY = NumberType(Family.NUMERIC, 1)


def rewrite_division(sql: str, tokens: list[Token], known: Known) -> Edits | None:
    """Edits for all divisions whose types are known; None when there is none (any more)."""
    if any(token.text == _QUOTIENT for token in tokens):
        return None
    edits, scope = Edits(sql), Scope(tokens, known)
    changed = False
    # From the right: where two divisions begin at one token the outer one is the right one.
    for index in range(len(tokens) - 2, 0, -1):
        if tokens[index].is_mark("/"):
            changed = _divide(_Chain(scope, index), edits) or changed
    return edits if changed else None


def _divide(chain: _Chain, edits: Edits) -> bool:
    """Let a division have its type; False when that is not known."""
    found = chain.type()
    if found is None:
        return False
    kind, after = found
    tokens = chain.scope.tokens
    mark, end = tokens[chain.index], tokens[after - 1].end
    edits.insert(tokens[chain.first].start, f"pg_internal.{_QUOTIENT}((")
    edits.replace(mark.start, mark.end, "), (")
    name = ' as "?column?"' if chain.is_nameless_item(after) else ""
    scale = kind.scale
    edits.insert(end, f"), 1e{scale}, 1e-{scale})::numeric({kind.precision},{scale}){name}")
    return True


@dataclass
class _Chain:
    """The factors up to a `/`, and the one after it."""

    scope: Scope
    index: int  # of the `/`

    def __post_init__(self) -> None:
        tokens = self.scope.tokens
        self.first = operand(tokens, self.index)
        while self.first >= 2 and tokens[self.first - 1].text in ("*", "/", "%"):
            self.first = operand(tokens, self.first - 1)
        self.block: Block | None = self.scope.around(self.index)

    def type(self) -> tuple[NumberType, int] | None:
        """The quotient's type and the index after the divisor; None to leave it as it is.

        Raises NeedsColumns when nothing but the types of columns is missing.
        """
        columns: list[tuple[Token, ...]] = []

        def collect(column: tuple[Token, ...]) -> NumberType:
            columns.append(column)
            return _ANY

        found = self._divided(collect)
        if found is None or not columns:
            return found
        block = self.block
        if block is None:
            return None
        return self._divided(lambda column: self.scope.type(block, column, self.index))

    def _divided(
        self, resolve: Callable[[tuple[Token, ...]], NumberType | None]
    ) -> tuple[NumberType, int] | None:
        tokens = self.scope.tokens
        left, end = Reader(tokens[: self.index], resolve).product(self.first)
        right, after = Reader(tokens, resolve).factor(self.index + 1)
        if end != self.index or left is None or right is None:
            return None
        families = {left.family, right.family}
        if Family.FLOAT in families or Family.NUMERIC not in families:
            return None
        return quotient(left, right), after

    def is_nameless_item(self, after: int) -> bool:
        """Whether the division is a whole select item without an alias."""
        tokens = self.scope.tokens
        return self.block is not None and any(
            item.after == after
            and item.alias is None
            and (item.first == self.first or tokens[item.first].kind is Kind.OPERATOR)
            for item in items(tokens, self.block)
        )
