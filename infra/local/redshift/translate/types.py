"""Types where they are written: what Redshift lacks, other spellings, lengths of casts."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate.functions import (
    COLUMN_TYPES,
    LACKING_TYPES,
    NO_COLUMN_TYPES,
    REFUSED_TYPES,
    RENAMED_TYPES,
)
from infra.local.redshift.translate.lexer import Kind, Token, words

# Words before a parenthesis that is none of their arguments.
_NO_CALLS = words(
    "and or not in like ilike when then else select where on as between is from by having case "
    "distinct all values using to set return returning limit offset"
)
_INTEGERS = words("smallint int2 integer int int4 bigint int8")
# Units of interval literals, written after their numbers; `1-2` is years and months.
_MONTHS = re.compile(r"\d\s*(?:y|c|mil|mon|dec)|^\s*[+-]?\d+-\d+", re.I)
_DAYS = re.compile(r"\d\s*(?:d(?!ec)|w|h|m(?!on|il)|s|us)|:|^\s*[+-]?\d+(?:-\d+)?\s+\d", re.I)
_DECIMAL = re.compile(r"[+-]?\d*\.\d+")


def check_type(sql: str, tokens: list[Token], index: int) -> None:
    """Raise GatewayError for a type that Redshift lacks or that is not imitated."""
    token = tokens[index]
    name = token.name.lower()
    if name in LACKING_TYPES:
        raise GatewayError(
            "42704",
            f'type "{name}" does not exist',
            detail="PostgreSQL behind the local gateway has it, Redshift does not.",
            position=token.start + 1,
        )
    if name in REFUSED_TYPES and not is_binary_varying(tokens, index):
        raise refused(f"Type {name}", sql, position=token.start + 1)
    if _is_array(tokens, index):
        raise GatewayError(
            "42704", f"array types ({name}[]) do not exist", position=token.start + 1
        )


def check_column_type(column: str, sql: str, tokens: list[Token], index: int) -> None:
    """Raise GatewayError for a type that no column of Redshift has, or that is not imitated.

    `column` is the column's name with its table's. The error for what Redshift has, but not for
    columns: https://github.com/salsita/node-pg-migrate/issues/767; for what it has not:
    https://github.com/jazzband/django-redshift-backend/issues/53.
    """
    token, following = tokens[index], tokens[index + 1 : index + 2]
    name = token.name.lower()
    if name in REFUSED_TYPES or any(each.is_mark(".") for each in following):
        return
    if name == "interval" and any(each.is_word("year", "day") for each in following):
        raise refused("Type interval with its fields", sql, position=token.start + 1)
    array = "[]" if _is_array(tokens, index) else ""
    if name in NO_COLUMN_TYPES or array:
        raise GatewayError(
            "0A000",
            f'Column "{column}" has unsupported type "{name}{array}".',
            position=token.start + 1,
        )
    if name not in COLUMN_TYPES:
        raise GatewayError("42704", f'type "{name}" does not exist', position=token.start + 1)


def is_binary_varying(tokens: list[Token], index: int) -> bool:
    """Whether BINARY VARYING stands at an index, which is VARBYTE."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    return (
        tokens[index].is_word("binary") and following is not None and following.is_word("varying")
    )


def mixes_units(text: str, qualifier: str) -> bool:
    """Whether an interval literal has parts of the kind that its qualifier leaves out.

    Redshift drops them or fails, as interval_forbid_composite_literals says; PostgreSQL keeps some:
    https://docs.aws.amazon.com/redshift/latest/dg/r_interval_forbid_composite_literals.html
    """
    months, days = (found.search(text) is not None for found in (_MONTHS, _DAYS))
    if qualifier in ("year", "month"):
        return days
    return months and qualifier in ("day", "hour", "minute", "second")


def _is_array(tokens: list[Token], index: int) -> bool:
    """Whether brackets follow a type and its size."""
    after = index + 1
    if after < len(tokens) and tokens[after].is_mark("("):
        while after < len(tokens) and not tokens[after].is_mark(")"):
            after += 1
        after += 1
    return after < len(tokens) and tokens[after].is_mark("[")


def type_replacement(tokens: list[Token], index: int) -> tuple[int, int, str] | None:
    """(start, end, text) for a type whose spelling or default differs from PostgreSQL's."""
    token = tokens[index]
    name = token.name.lower()
    sized = index + 1 < len(tokens) and tokens[index + 1].is_mark("(")
    if name in ("numeric", "decimal", "dec") and not sized:
        return token.start, token.end, "numeric(18,0)"
    if name in RENAMED_TYPES:
        return token.start, token.end, RENAMED_TYPES[name]
    if (
        name in ("varchar", "char", "character")
        and sized
        and index + 2 < len(tokens)
        and tokens[index + 2].is_word("max")
    ):
        return tokens[index + 2].start, tokens[index + 2].end, "65535"
    return None


def varchar_size(tokens: list[Token], index: int) -> int | None:
    """The bytes of the VARCHAR(n) that is written at an index, None for any other type."""
    if index >= len(tokens) or not tokens[index].is_name:
        return None
    name, index = tokens[index].name.lower(), index + 1
    if name == "character" and index < len(tokens) and tokens[index].is_word("varying"):
        name, index = "varchar", index + 1
    if name not in ("varchar", "nvarchar") or index + 1 >= len(tokens):
        return None
    size = tokens[index + 1]
    sized = tokens[index].is_mark("(") and size.kind is Kind.NUMBER and size.text.isdigit()
    return int(size.text) if sized else None


def rounded(literal: Token, tokens: list[Token], index: int) -> str | None:
    """A constant that is cast to a number of fewer digits, rounded: only tables' values are cut.

    https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
    """
    name = tokens[index].name.lower() if index < len(tokens) else ""
    scale = 0
    if name in ("numeric", "decimal", "dec"):
        size = [token.text for token in tokens[index + 1 : index + 6]]
        if size[:1] == ["("] and size[2:3] == [","] and size[3].isdigit():
            scale = int(size[3])
    elif name not in _INTEGERS or literal.kind is Kind.STRING:
        return None
    text = literal.value if literal.kind is Kind.STRING else literal.text
    if not _DECIMAL.fullmatch(text) or len(text.partition(".")[2]) <= scale:
        return None
    value = Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, Context(prec=1000))
    return f"'{value:f}'" if literal.kind is Kind.STRING else f"{value:f}"


def operand(tokens: list[Token], after: int) -> int:
    """The first index of the value that ends before an index: what `::` applies to."""
    index = after - 1
    while index >= 0:
        while index >= 0 and (tokens[index].is_mark(")") or tokens[index].is_mark("]")):
            index = _opening(tokens, index)
            if index > 0 and _is_value_end(tokens[index - 1]):
                index -= 1
            else:
                return index
        if index > 1 and tokens[index].is_word("over", "group", "nulls"):  # of the call before
            index -= 1 if tokens[index - 1].is_mark(")") else 2
        elif index > 1 and (tokens[index - 1].is_mark(".") or tokens[index - 1].is_mark("::")):
            index -= 2
        elif (
            index > 0
            and tokens[index].kind is Kind.STRING
            and tokens[index - 1].is_word("date", "timestamp", "interval", "time")
        ):
            return index - 1
        else:
            return _whole_case(tokens, index)
    return 0


def _opening(tokens: list[Token], closing: int) -> int:
    """The index of the bracket that the one at an index closes."""
    depth = 0
    for index in range(closing, -1, -1):
        if tokens[index].kind is Kind.PUNCTUATION:
            depth += (tokens[index].text in ")]") - (tokens[index].text in "([")
            if depth == 0:
                return index
    return 0


def _is_value_end(token: Token) -> bool:
    """Whether a bracket after this token belongs to it: a call, a subscript, a sized type."""
    keyword = token.is_word(*_NO_CALLS)
    return (token.is_name and not keyword) or token.is_mark(")") or token.is_mark("]")


def _whole_case(tokens: list[Token], index: int) -> int:
    """`case … end` is one value."""
    if not tokens[index].is_word("end"):
        return max(index, 0)
    depth = 0
    for first in range(index, -1, -1):
        depth += tokens[first].is_word("end") - tokens[first].is_word("case")
        if depth == 0:
            return first
    return index
