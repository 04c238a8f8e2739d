"""The contract's rules for one value, as Spark SQL: text in; a typed value, or broken rules, out.

Only built-in functions: rows stay inside the JVM.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spark_jobs import sql
from spark_jobs.feed import Column, FileFormat
from spark_jobs.patterns import formats_of, shape_of
from spark_jobs.redshift_types import Kind

# Java reads more as a number than people write: 1d, 0x1p3, NaN, digits of other scripts.
_NUMBER = "^[-+.0-9eE]+$"
_WHOLE = r"^[-+]?[0-9]+\.0*$"


class Rule(Enum):
    """Why a row is rejected."""

    ENCODING = "encoding"
    MALFORMED = "malformed"
    REQUIRED = "required"
    TYPE = "type"
    LENGTH = "length"


@dataclass(frozen=True)
class Check:
    """A rule for a column: `broken` is the SQL condition, `reason` the SQL text of a sentence."""

    rule: Rule
    column: str
    broken: str
    value: str
    reason: str

    @property
    def finding(self) -> str:
        """Return the SQL struct that describes a broken rule."""
        return describe(sql.literal(self.rule.value), self.column, self.value, self.reason)


def describe(rule: str, column: str | None, value: str, reason: str) -> str:
    """Return the SQL struct (rule, column, value, reason); all but `column` are SQL."""
    return (
        f"named_struct('rule', {rule}, 'column', {sql.literal(column)}, "
        f"'value', {value}, 'reason', {reason})"
    )


def normalise(text: str, column: Column, files: FileFormat) -> str:
    """Return the text that is to be read as a value: NULL for null markers, else trimmed.

    Blanks around a text value are kept; a value of blanks alone counts as the empty string.
    """
    filled = f"coalesce({text}, '')"
    trimmed = f"trim({filled})"
    markers = sorted({marker.strip(" ") for marker in files.null_values})
    value = filled if column.type.is_text else trimmed
    return f"if({sql.in_list(trimmed, markers)}, null, {value})" if markers else value


def convert(text: str, column: Column) -> str:
    """Return the typed value of a normalised text, NULL where it is none of the type's."""
    kind, target = column.type.kind, column.type.to_spark().simpleString()
    if column.type.is_text:
        return text
    if column.type.is_time:
        return _to_time(text, column)
    if kind is Kind.BOOLEAN:
        return f"try_cast({text} as boolean)"
    number = _ungroup(text, column.thousands) if column.thousands else text
    cast = f"try_cast({number} as {target})"
    if kind in (Kind.REAL, Kind.DOUBLE, Kind.NUMERIC):
        # Digits beyond the scale are rounded, as a cast does in Redshift.
        return f"if(rlike({number}, '{_NUMBER}'), {cast}, null)"
    whole = f"if(rlike({number}, {sql.literal(_WHOLE)}), substring_index({number}, '.', 1), null)"
    return f"try_cast(if(contains({number}, '.'), {whole}, {number}) as {target})"


def checks_of(text: str, value: str, column: Column, files: FileFormat) -> list[Check]:
    """Return the rules for a column, in the order in which they are reported."""

    def check(rule: Rule, broken: str, reason: str) -> Check:
        sentence = sql.concat(sql.literal(f"{column.name} "), reason)
        return Check(rule, column.name, broken, text, sentence)

    checks = []
    if column.required:
        blank = f"{text} is null" if _blank_is_null(files) else f"trim(coalesce({text}, '')) = ''"
        checks.append(check(Rule.REQUIRED, blank, sql.literal("is required but blank")))
    if column.type.is_text:
        size, limit = f"octet_length({text})", column.type.length
        holds = sql.literal(f" bytes, {column.type} holds {limit}")
        checks.append(check(Rule.LENGTH, f"{size} > {limit}", sql.concat("'has '", size, holds)))
        if column.type.kind is Kind.CHAR:
            wide = f"{size} <= {limit} and {size} <> char_length({text})"
            reason = "has characters of several bytes, which a char column cannot hold"
            checks.append(check(Rule.LENGTH, wide, sql.literal(reason)))
    else:
        unread = f"{text} is not null and ({value} is null{_beyond(value, column)})"
        blank_too = column.required and not _blank_is_null(files)
        wrong = f"{unread} and {text} <> ''" if blank_too else unread
        checks.append(check(Rule.TYPE, wrong, sql.literal(_expected(column))))
    return checks


def _blank_is_null(files: FileFormat) -> bool:
    return any(not marker.strip(" ") for marker in files.null_values)


def _to_time(text: str, column: Column) -> str:
    patterns = formats_of(column)
    moments = [f"try_to_timestamp({text}, {sql.literal(pattern)})" for pattern in patterns]
    if len(patterns) > 1:
        shapes = [f"rlike({text}, {sql.literal(shape_of(pattern))})" for pattern in patterns]
        moments = [
            f"if({shape}, {moment}, null)" for shape, moment in zip(shapes, moments, strict=True)
        ]
    moment = f"coalesce({', '.join(moments)})"
    return f"cast({moment} as date)" if column.type.kind is Kind.DATE else moment


def _beyond(value: str, column: Column) -> str:
    """Return what else is no value: numbers too large to be told, the year 0 that patterns take."""
    if column.type.kind in (Kind.REAL, Kind.DOUBLE):
        return f" or abs({value}) = cast('Infinity' as double)"
    if column.type.is_time:
        return f" or {value} < date'0001-01-01'"
    return ""


def _ungroup(text: str, separator: str) -> str:
    """Remove a thousands separator where it groups digits by three; anything else is no number."""
    mark = f"\\{separator}" if separator in ".^$*+?()[]{}|\\" else separator
    grouped = sql.literal(f"^[-+]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:[.][0-9]*)?$")
    plain = f"replace({text}, {sql.literal(separator)}, '')"
    ungrouped = f"if(rlike({text}, {grouped}), {plain}, null)"
    return f"if(contains({text}, {sql.literal(separator)}), {ungrouped}, {text})"


def _expected(column: Column) -> str:
    expected = f"cannot be read as {column.type}"
    if column.type.is_time:
        return f"{expected} by {' or '.join(formats_of(column))}"
    return expected
