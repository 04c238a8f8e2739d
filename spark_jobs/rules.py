"""The contract's rules for one value, as Spark SQL: text in; a typed value, or broken rules, out.

Only built-in functions: rows stay inside the JVM.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spark_jobs import sql
from spark_jobs.feed import Column, FileFormat
from spark_jobs.number_formats import to_number
from spark_jobs.patterns import formats_of, to_time
from spark_jobs.redshift_types import Kind


class Rule(Enum):
    """Why a row is rejected."""

    ENCODING = "encoding"
    MALFORMED = "malformed"
    REQUIRED = "required"
    TYPE = "type"
    LENGTH = "length"
    RANGE = "range"
    ACCEPTED = "accepted_values"
    EXTRA = "extra_columns"
    FILE = "file"


@dataclass(frozen=True)
class Check:
    """A rule for a column: `broken` is the SQL condition, `reason` the SQL text of a sentence."""

    rule: Rule
    column: str
    broken: str
    value: str
    reason: str


def normalise(text: str, column: Column, files: FileFormat) -> str:
    """Return the text that is to be read as a value: NULL for null markers, else trimmed.

    Blanks around a text value are kept; a value of blanks alone counts as the empty string.
    """
    markers = sorted({marker.strip(" ") for marker in null_markers(column, files)})
    filled = text if "" in markers else f"coalesce({text}, '')"
    trimmed = f"trim({filled})"
    value = filled if column.type.is_text else trimmed
    return f"if({sql.in_list(trimmed, markers)}, null, {value})" if markers else value


def null_markers(column: Column, files: FileFormat) -> tuple[str, ...]:
    """Return the texts that are NULL in a column: its own, else the feed's."""
    return files.null_values if column.null_values is None else column.null_values


def convert(text: str, column: Column) -> str:
    """Return the typed value of a normalised text, NULL where it is none of the type's."""
    if column.type.is_text:
        return text
    if column.type.is_time:
        return to_time(text, column)
    if column.type.kind is Kind.BOOLEAN:
        return f"try_cast({text} as boolean)"
    return to_number(text, column)


def checks_of(text: str, value: str, column: Column, files: FileFormat) -> list[Check]:
    """Return the rules for a column, in the order in which they are reported."""

    def check(rule: Rule, broken: str, reason: str) -> Check:
        sentence = sql.concat(sql.literal(f"{column.name} "), reason)
        return Check(rule, column.name, broken, text, sentence)

    checks = []
    if column.required:
        blank = (
            f"{text} is null"
            if _blank_is_null(column, files)
            else f"trim(coalesce({text}, '')) = ''"
        )
        checks.append(check(Rule.REQUIRED, blank, sql.literal("is required but blank")))
    if column.type.kind is Kind.SUPER:
        wrong = f"{text} is not null and try_parse_json({text}) is null"
        checks.append(check(Rule.TYPE, wrong, sql.literal("is not JSON")))
    elif column.type.is_text:
        size, limit = f"octet_length({text})", column.type.length
        holds = sql.literal(f" bytes, {column.type} holds {limit}")
        checks.append(check(Rule.LENGTH, f"{size} > {limit}", sql.concat("'has '", size, holds)))
        if column.type.kind is Kind.CHAR:
            wide = f"{size} <= {limit} and {size} <> char_length({text})"
            reason = "has characters of several bytes, which a char column cannot hold"
            checks.append(check(Rule.LENGTH, wide, sql.literal(reason)))
    else:
        blank_too = column.required and not _blank_is_null(column, files)
        given = f"{text} <> ''" if blank_too else f"{text} is not null"
        wrong = f"{given} and {_unread(value, column)}"
        checks.append(check(Rule.TYPE, wrong, sql.literal(_expected(column))))
    checks += [check(Rule.RANGE, broken, reason) for broken, reason in _beyond_range(value, column)]
    if column.accepted_values:
        broken = f"not {sql.in_list(text, column.accepted_values)}"
        allowed = sql.literal(f"is none of {', '.join(column.accepted_values)}")
        checks.append(check(Rule.ACCEPTED, broken, allowed))
    return checks


def _beyond_range(value: str, column: Column) -> list[tuple[str, str]]:
    target = column.type.to_spark().simpleString()
    limits = (("<", column.min, "less"), (">", column.max, "more"))
    return [
        (
            f"{value} {sign} cast({sql.literal(limit)} as {target})",
            sql.literal(f"is {word} than {limit}"),
        )
        for sign, limit, word in limits
        if limit is not None
    ]


def _blank_is_null(column: Column, files: FileFormat) -> bool:
    return any(not marker.strip(" ") for marker in null_markers(column, files))


def _unread(value: str, column: Column) -> str:
    """Return the condition that a text gave no value: none, one too large, or the year 0."""
    if column.type.kind in (Kind.REAL, Kind.DOUBLE):
        return f"not coalesce(abs({value}) < cast('Infinity' as double), false)"
    if column.type.is_time:
        return f"not coalesce({value} >= date'0001-01-01', false)"
    return f"{value} is null"


def _expected(column: Column) -> str:
    expected = f"cannot be read as {column.type}"
    if column.type.is_time:
        return f"{expected} by {' or '.join(formats_of(column))}"
    return expected
