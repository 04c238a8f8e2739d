"""Datetime patterns: what a date or timestamp column accepts, and how a value of each looks.

Patterns are Spark's: https://spark.apache.org/docs/4.0.0/sql-ref-datetime-pattern.html
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
_PART = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|\[|\]|.")
_NUMERIC = frozenset("yuDMLdQqHhKkmsS")
_NAMES = frozenset("MLQq")  # as numbers up to two letters, as names from three


def formats_of(column: Column) -> tuple[str, ...]:
    """Return the datetime patterns that a column accepts, in order."""
    return column.formats or _ISO_FORMATS.get(column.type.kind, ())


def shape_of(pattern: str) -> str:
    """Return a regular expression that every value of the pattern matches, and few others.

    A value that a pattern refuses costs Spark an exception, a hundred times the price of a match;
    with several patterns in a column that is the price of every row.
    """
    return "^" + "".join(_shape(match) for match in _PART.finditer(pattern)) + "$"


def refuse_unknown(spark: SparkSession, feed: Feed) -> None:
    """Raise `BatchError` for a pattern that Spark does not know; asked only after a failure."""
    for column in feed.columns:
        for pattern in column.formats:
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
        return "[0-9]+" if letter in _NUMERIC and not named else ".+"
    if part == "[":
        return "(?:"
    if part == "]":
        return ")?"
    if part.startswith("'"):
        return re.escape(part[1:-1].replace("''", "'") or "'")
    return re.escape(part)
