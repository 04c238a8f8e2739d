"""The types of arithmetic over NUMERIC, by Redshift's rules, from the text and known columns.

Source of every rule: "Computations with numeric values" of Redshift's developer guide,
https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html, and the return types
of SUM and AVG, https://docs.aws.amazon.com/redshift/latest/dg/r_SUM.html and r_AVG.html.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.redshift.translate.blocks import closing
from infra.local.redshift.translate.lexer import Kind, Token

_MOST_DIGITS = 38


class Family(enum.Enum):
    """What decides which rule holds."""

    INTEGER = "integer"
    NUMERIC = "numeric"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class NumberType:
    """A number's type; integers have the digits that they get beside a NUMERIC."""

    family: Family
    precision: int = 0
    scale: int = 0


INT2, INT4, INT8 = (NumberType(Family.INTEGER, digits) for digits in (5, 10, 19))
FLOAT = NumberType(Family.FLOAT)
Resolve = Callable[[tuple[Token, ...]], NumberType | None]

_NAMED = {
    **dict.fromkeys(("smallint", "int2"), INT2),
    **dict.fromkeys(("integer", "int", "int4"), INT4),
    **dict.fromkeys(("bigint", "int8"), INT8),
    **dict.fromkeys(("real", "float", "float4", "float8", "double"), FLOAT),
}
_NUMERIC = ("numeric", "decimal", "dec")
# Calls of their first argument's type, and of the type that all arguments have in common.
_SAME = ("abs", "min", "max", "nullif", "any_value", "lag", "lead", "first_value", "last_value")
_COMMON = ("coalesce", "nvl", "greatest", "least")
# Calls of one type, whatever they are given.
_FIXED = {
    **dict.fromkeys(("count", "datediff", "date_diff", "row_number", "rank"), INT8),
    **dict.fromkeys(("exp", "log", "pow", "power", "sqrt"), FLOAT),
    **dict.fromkeys(("len", "length", "char_length", "extract", "date_part"), INT4),
}


def numeric(precision: int, scale: int) -> NumberType:
    """NUMERIC(precision, scale), of 38 digits at the most."""
    return NumberType(Family.NUMERIC, min(precision, _MOST_DIGITS), min(scale, 37))


def of_type(name: str) -> NumberType | None:
    """The type of a column from PostgreSQL's name for it, `numeric(10,2)`; None for others."""
    base, _, size = name.partition("(")
    if base == "numeric" and size:
        precision, _, scale = size.rstrip(")").partition(",")
        return numeric(int(precision), int(scale or 0))
    return _NAMED.get(base.split(" ")[0])


def quotient(left: NumberType, right: NumberType) -> NumberType:
    """The type of a division of which one side is NUMERIC and none a float."""
    scale = max(4, left.scale + right.precision - right.scale + 1)
    precision = left.precision - left.scale + right.scale + scale
    if precision > _MOST_DIGITS:
        scale = max(_MOST_DIGITS + scale - precision, 4)
    return numeric(precision, scale)


def combined(operator: str, left: NumberType | None, right: NumberType | None) -> NumberType | None:
    """The type of `left operator right`; None when it is not known."""
    if left is None or right is None:
        return None
    families = {left.family, right.family}
    if Family.FLOAT in families:
        return FLOAT
    if families == {Family.INTEGER}:
        return max(left, right, key=lambda one: one.precision)
    rule = _RULES.get(operator)
    return rule(left, right) if rule is not None else None


def _product(left: NumberType, right: NumberType) -> NumberType:
    return numeric(left.precision + right.precision + 1, left.scale + right.scale)


def _sum(left: NumberType, right: NumberType) -> NumberType:
    scale = max(left.scale, right.scale)
    whole = max(left.precision - left.scale, right.precision - right.scale)
    return numeric(whole + 1 + scale, scale)


_RULES = {"+": _sum, "-": _sum, "*": _product, "/": quotient}


def common(types: list[NumberType | None]) -> NumberType | None:
    """The type of values that stand for each other (COALESCE, CASE); None when one is unknown."""
    result = types[0] if types else None
    for other in types[1:]:
        if result is None or other is None:
            return None
        families = {result.family, other.family}
        if Family.NUMERIC in families and Family.FLOAT not in families:
            scale = max(result.scale, other.scale)
            whole = max(result.precision - result.scale, other.precision - other.scale)
            result = numeric(whole + scale, scale)
        else:
            result = combined("+", result, other)
    return result


@dataclass
class Reader:
    """Reads expressions from left to right; `resolve` knows columns by their tokens.

    Every method returns the type (None: not known) and the index after what it has read.
    """

    tokens: list[Token]
    resolve: Resolve

    def _text(self, index: int) -> str:
        return self.tokens[index].text if index < len(self.tokens) else ""

    def sum(self, index: int) -> tuple[NumberType | None, int]:
        """Terms between `+` and `-`."""
        found, index = self.product(index)
        while self._text(index) in ("+", "-"):
            operator = self._text(index)
            other, index = self.product(index + 1)
            found = combined(operator, found, other)
        return found, index

    def product(self, index: int) -> tuple[NumberType | None, int]:
        """Factors between `*`, `/` and `%`."""
        found, index = self.factor(index)
        while self._text(index) in ("*", "/", "%"):
            operator = self._text(index)
            other, index = self.factor(index + 1)
            found = combined(operator, found, other)
        return found, index

    def factor(self, index: int) -> tuple[NumberType | None, int]:
        """A value with its sign and casts."""
        while self._text(index) in ("-", "+"):
            index += 1
        if index >= len(self.tokens):
            return None, index
        found, index = self._value(index)
        while True:
            if self._text(index) == "::":
                found, index = self.type(index + 1)
            elif self._text(index) == "[":
                found, index = None, closing(self.tokens, index) + 1
            else:
                return found, index

    def type(self, index: int) -> tuple[NumberType | None, int]:
        """A type's name with its size."""
        name, index = self._text(index), index + 1
        if name == "double" and self._text(index) == "precision":
            index += 1
        found = _NAMED.get(name)
        if self._text(index) == "(":
            end = closing(self.tokens, index)
            sizes = [token.text for token in self.tokens[index + 1 : end] if token.text != ","]
            if name in _NUMERIC and all(size.isdigit() for size in sizes) and len(sizes) in (1, 2):
                found = numeric(int(sizes[0]), int(sizes[1]) if len(sizes) == 2 else 0)
            return found, end + 1
        return (numeric(18, 0) if name in _NUMERIC else found), index

    def _value(self, index: int) -> tuple[NumberType | None, int]:
        token = self.tokens[index]
        if token.kind is Kind.NUMBER:
            return _literal(token.text), index + 1
        if token.is_mark("("):
            end = closing(self.tokens, index)
            return self._whole(index + 1, end), end + 1
        if token.is_word("case"):
            return self._case(index)
        if not token.is_name:
            return None, index + 1
        first = index
        while self._text(index + 1) == "." and index + 2 < len(self.tokens):
            index += 2
        if self._text(index + 1) == "(":
            return self._call(first, index)
        return self.resolve(tuple(self.tokens[first : index + 1])), index + 1

    def _whole(self, first: int, after: int) -> NumberType | None:
        """The type of [first, after), when that is one expression."""
        if first >= after or self.tokens[first].is_word("select", "with"):
            return None
        found, end = self.sum(first)
        return found if end == after else None

    def _arguments(self, opening: int, end: int) -> list[tuple[int, int]]:
        depth, first, found = 0, opening + 1, []
        for index in range(opening + 1, end):
            text = self._text(index)
            depth += (text in ("(", "[")) - (text in (")", "]"))
            if text == "," and depth == 0:
                found.append((first, index))
                first = index + 1
        return [*found, (first, end)]

    def _call(self, first: int, name_at: int) -> tuple[NumberType | None, int]:
        opening = name_at + 1
        end = closing(self.tokens, opening)
        after = end + 1
        for word in ("ignore", "respect"):
            if self._text(after) == word:
                after += 2
        if self._text(after) == "over" and self._text(after + 1) == "(":
            after = closing(self.tokens, after + 1) + 1
        if first != name_at:
            return None, after
        return self._called(self._text(name_at), opening, end), after

    def _called(self, name: str, opening: int, end: int) -> NumberType | None:
        """The type of a call's result."""
        if name in _FIXED:
            return _FIXED[name]
        if name in ("cast", "convert"):
            at = max((i for i in range(opening, end) if self._text(i) == "as"), default=opening)
            return self.type(at + 1)[0] if name == "convert" or at > opening else None
        spans = self._arguments(opening, end)
        if self._text(opening + 1) in ("distinct", "all"):
            spans[0] = (spans[0][0] + 1, spans[0][1])
        if name in _COMMON:
            return common([self._whole(*span) for span in spans])
        inner = self._whole(*spans[0])
        if name in _SAME:
            return inner
        return _total(inner, name) if inner is not None and name in ("sum", "avg") else None

    def _case(self, index: int) -> tuple[NumberType | None, int]:
        """CASE: what its branches have in common, NULL apart."""
        depth, found = 0, list[NumberType | None]()
        while index < len(self.tokens):
            token = self.tokens[index]
            depth += token.is_word("case") - token.is_word("end") + (token.text in ("(", "["))
            depth -= token.text in (")", "]")
            if depth == 0:
                break
            branches = depth == 1 and token.is_word("then", "else")
            if branches and not self.tokens[index + 1].is_word("null"):
                branch, after = self.sum(index + 1)
                ended = self._text(after) in ("when", "else", "end")
                found.append(branch if ended else None)
            index += 1
        return common(found), index + 1


def _total(inner: NumberType, name: str) -> NumberType:
    """The type of SUM and AVG: of NUMERIC 38 digits and the argument's scale.

    SUM of BIGINT is a NUMERIC for PostgreSQL.
    """
    if inner in (INT2, INT4) or (name == "avg" and inner == INT8):
        return INT8
    return FLOAT if inner.family is Family.FLOAT else numeric(_MOST_DIGITS, inner.scale)


def _literal(text: str) -> NumberType | None:
    """The type of a number as it is written."""
    if "e" in text.lower():
        return None
    whole, dot, fraction = text.partition(".")
    if dot:
        digits = len(whole.lstrip("0")) + len(fraction)
        return numeric(max(digits, 1), len(fraction)) if digits <= _MOST_DIGITS else None
    value = int(text)
    if value < 2**31:
        return INT4
    return INT8 if value < 2**63 else numeric(len(text), 0)
