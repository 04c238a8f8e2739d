"""What a date or timestamp column accepts: Spark's datetime patterns, and numbers that count time.

Patterns: https://spark.apache.org/docs/4.0.0/sql-ref-datetime-pattern.html
"""

from __future__ import annotations

import re

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from spark_jobs import sql
from spark_jobs.errors import BatchError
from spark_jobs.feed import Column, Feed
from spark_jobs.redshift_types import Kind

# What a column without `formats` accepts. A fraction SSSSSS is one to six digits.
_ISO_FORMATS = {
    Kind.DATE: ("yyyy-MM-dd",),
    Kind.TIMESTAMP: ("yyyy-MM-dd HH:mm:ss[.SSSSSS]", "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS]"),
}
# Numbers that count days or seconds, by the names that a contract gives them. Excel's serials are
# days since 1899-12-30, right from 61 (1900-03-01) on:
# https://learn.microsoft.com/office/troubleshoot/excel/wrongly-assumes-1900-is-leap-year
# SAS dates are days since 1960-01-01.
_COUNTED = {
    "excel": "if({n} >= 61 and {n} < 2958466, "
    "timestamp_micros(cast(round(({n} - 25569) * 86400, 3) * 1000000 as bigint)), null)",
    "sas_date": "if({n} = floor({n}) and abs({n}) < 3000000, "
    "timestamp_micros(cast(({n} * 86400 - 315619200) * 1000000 as bigint)), null)",
    "epoch_seconds": "if(abs({n}) < 253402300800, "
    "timestamp_micros(cast({n} * 1000000 as bigint)), null)",
    "epoch_millis": "if(abs({n}) < 253402300800000, "
    "timestamp_micros(cast({n} * 1000 as bigint)), null)",
}
# What Spark's cast reads far faster than a pattern does, once the shape is right.
_ISO = re.compile(r"yyyy-MM-dd(?:(?: |'T')HH:mm(?::ss(?:[.]S{1,6}|\[[.]S{1,6}\])?)?)?")
_PART = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|\[|\]|.")
_NUMERIC = frozenset("yuDMLdQqHhKkmsS")
_NAMES = frozenset("MLQq")  # as numbers up to two letters, as names from three


def formats_of(column: Column) -> tuple[str, ...]:
    """Return the datetime patterns that a column accepts, in order."""
    return column.formats or _ISO_FORMATS.get(column.type.kind, ())


def counts_sas_days(column: Column) -> bool:
    """Whether a number in the column can be nothing but a count of days since 1960."""
    counted = [each for each in formats_of(column) if not _ISO.fullmatch(each)]
    return column.type.is_time and bool(counted) and set(counted) == {"sas_date"}


def to_time(text: str, column: Column) -> str:
    """Return the SQL of a date or timestamp, NULL where no pattern of the column reads it."""
    patterns = formats_of(column)
    several = len(patterns) > 1
    moments = [_moment(text, pattern, guarded=several) for pattern in patterns]
    moment = f"coalesce({', '.join(moments)})" if several else moments[0]
    return f"cast({moment} as date)" if column.type.kind is Kind.DATE else moment


def _moment(text: str, pattern: str, *, guarded: bool) -> str:
    if pattern in _COUNTED:
        number = f"try_cast({text} as decimal(30, 12))"
        return _COUNTED[pattern].format(n=number)
    shaped = f"rlike({text}, {sql.literal(shape_of(pattern))})"
    if _ISO.fullmatch(pattern):
        return f"if({_fits_iso(text, pattern, shaped)}, try_cast({text} as timestamp), null)"
    moment = f"try_to_timestamp({text}, {sql.literal(pattern)})"
    return f"if({shaped}, {moment}, null)" if guarded else moment


def _fits_iso(text: str, pattern: str, shaped: str) -> str:
    """Return the condition that a text which the cast reads is one of a pattern in ISO's order.

    Without a fraction it has a fixed length; with its marks in their places and a digit at the end
    the cast can read nothing but digits between them. Looks at these bytes take a quarter of the
    regular expression's time, `shaped`, which is left to what has a fraction.
    """
    whole, fraction, _ = pattern.replace("'", "").partition("[")
    if "S" in whole:
        return shaped
    marks = ((at, mark) for at, mark in enumerate(whole, 1) if mark == "T" or not mark.isalpha())
    value = f"cast({text} as binary)"
    looks = [f"substring({value}, {at}, 1) = X'{ord(mark):02X}'" for at, mark in marks]
    looks += [f"substring({value}, -1) {bound}" for bound in (">= X'30'", "<= X'39'")]
    fixed, size = " and ".join(looks), f"octet_length({text}) = {len(whole)}"
    return f"if({size}, {fixed}, {shaped})" if fraction else f"{size} and {fixed}"


def shape_of(pattern: str) -> str:
    """Return a regular expression that every value of the pattern matches, and few others.

    A value that a pattern refuses costs Spark an exception, a hundred times the price of a match;
    with several patterns in a column that is the price of every row.
    """
    return "^" + "".join(_shape(match) for match in _PART.finditer(pattern)) + "$"


def refuse_unknown(spark: SparkSession, feed: Feed) -> None:
    """Raise `BatchError` for a pattern that Spark does not know; asked only after a failure."""
    for column in (c for c in feed.columns if c.type.is_time):
        for pattern in (p for p in column.formats if p not in _COUNTED):
            try:
                spark.sql(f"select try_to_timestamp('', {sql.literal(pattern)})").collect()
            except PySparkException as error:
                reason = str(error).strip().splitlines()[0]
                raise BatchError(
                    f"column {column.name!r} of {feed}: format {pattern!r} is not a datetime "
                    f"pattern of Spark ({reason}); see "
                    "https://spark.apache.org/docs/4.0.0/sql-ref-datetime-pattern.html"
                ) from error


def _shape(match: re.Match[str]) -> str:
    part, letter = match[0], match[1]
    if letter:
        named = letter in _NAMES and len(part) > 2
        return _digits(part) if letter in _NUMERIC and not named else ".+"
    if part == "[":
        return "(?:"
    if part == "]":
        return ")?"
    if part.startswith("'"):
        return re.escape(part[1:-1].replace("''", "'") or "'")
    return re.escape(part)


def _digits(letters: str) -> str:
    """Return the digits that a run of one letter stands for.

    Two letters take two digits and yyyy four; a single letter takes any, a fraction up to as many
    as it has letters.
    """
    if letters[0] == "S":
        return f"[0-9]{{1,{len(letters)}}}"
    return "[0-9]+" if len(letters) == 1 else f"[0-9]{{{len(letters)}}}"
