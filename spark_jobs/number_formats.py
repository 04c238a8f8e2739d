"""Numbers as people write them: thousands separators and decimal marks, in several ways at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spark_jobs import sql
from spark_jobs.errors import BatchError
from spark_jobs.feed import Column
from spark_jobs.redshift_types import Kind

_WHOLE = r"^[-+]?[0-9]+\.0*$"
# Large doubles as Java and SAS write them: 9.2471038E10.
_EXPONENT = r"^[-+]?[0-9]+\.[0-9]*[eE][+]?[0-9]{1,2}$"
_FORMAT = re.compile(r"(?:#([^#0])##)?0(?:([^#0])#+)?")


@dataclass(frozen=True)
class NumberFormat:
    """One way of writing numbers; `thousands` groups by three, `decimal` marks the fraction."""

    thousands: str | None = None
    decimal: str = "."


def formats_of(column: Column) -> tuple[NumberFormat, ...]:
    """Return the ways in which a column's numbers may be written, in order."""
    if column.formats:
        return tuple(parse_format(column, text) for text in column.formats)
    return (NumberFormat(column.thousands, column.decimal or "."),)


def parse_format(column: Column, text: str) -> NumberFormat:
    """Read a pattern such as `#,##0.#` or `0,#`; raise `BatchError` for anything else."""
    match = _FORMAT.fullmatch(text)
    if match is None or match[1] == (match[2] or "."):
        raise BatchError(
            f"column {column.name!r}: {text!r} is no number format; write 0.#, #,##0.# or such"
        )
    return NumberFormat(match[1], match[2] or ".")


def to_number(text: str, column: Column) -> str:
    """Return the SQL of a number column's value, NULL where the text is no number of its type."""
    values = [_cast(_plain(text, form), column) for form in formats_of(column)]
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"


def is_number(text: str) -> str:
    """Return the condition that a text which Java reads as a double is one that people write.

    Java also reads 1d, 1f, NaN, Infinity, and 0x1p3, which begins with a sign or 0.
    """
    hexadecimal = f"contains({text}, 'x') or contains({text}, 'X')"
    usual = f"{text} >= '1' or ({text} >= '-1' and {text} < '.')"
    return f"{_ends_as_number(text)} and ({usual} or not ({hexadecimal}))"


def _is_decimal(text: str) -> str:
    """Return the condition that a text which Java reads as a decimal is one that people write.

    Java also reads digits of other scripts, and takes control characters off.
    """
    return (
        f"{text} >= '+' and octet_length({text}) = char_length({text}) and {_ends_as_number(text)}"
    )


def _ends_as_number(text: str) -> str:
    """Return the condition that a text ends with a digit or a point (`/` is no number's end).

    Bytes are compared: characters would be counted from the first on.
    """
    # Not `between`, for which Spark makes a step of its own.
    last = f"substring(cast({text} as binary), -1)"
    return f"{last} >= X'2E' and {last} <= X'39'"


def _cast(number: str, column: Column) -> str:
    kind, target = column.type.kind, column.type.to_spark().simpleString()
    cast = f"try_cast({number} as {target})"
    if kind in (Kind.REAL, Kind.DOUBLE):
        return f"if({is_number(number)}, {cast}, null)"
    if kind is Kind.NUMERIC:
        # Digits beyond the scale are rounded, as a cast does in Redshift.
        return f"if({_is_decimal(number)}, {cast}, null)"
    exact = f"try_cast({number} as decimal(38, 9))"
    large = f"if(rlike({number}, {sql.literal(_EXPONENT)}), {exact}, null)"
    whole = (
        f"case when rlike({number}, {sql.literal(_WHOLE)}) then substring_index({number}, '.', 1) "
        f"when {large} = floor({large}) then cast(floor({large}) as string) end"
    )
    return f"try_cast(if(contains({number}, '.'), {whole}, {number}) as {target})"


def _plain(text: str, form: NumberFormat) -> str:
    """Return the SQL of a number in plain notation; NULL where separators stand wrongly."""
    mark = sql.literal(form.decimal)
    if form.thousands is None:
        if form.decimal == ".":
            return text
        return f"if(contains({text}, '.'), null, replace({text}, {mark}, '.'))"
    group = sql.literal(form.thousands)
    shape = sql.literal(
        f"^[-+]?[0-9]{{1,3}}(?:{re.escape(form.thousands)}[0-9]{{3}})+"
        f"(?:{re.escape(form.decimal)}[0-9]*)?$"
    )
    bare = f"replace({text}, {group}, '')"
    ungrouped = f"if(contains({text}, {group}), if(rlike({text}, {shape}), {bare}, null), {text})"
    if form.decimal == ".":
        return ungrouped
    foreign = "false" if form.thousands == "." else f"contains({text}, '.')"
    return f"if({foreign}, null, replace({ungrouped}, {mark}, '.'))"
