"""Redshift data types as a contract writes them, and their Spark counterparts.

Names and limits: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from pyspark.sql import types as spark

from spark_jobs.errors import BatchError


class Kind(Enum):
    """The kinds of column that a contract can declare."""

    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    NUMERIC = "numeric"
    REAL = "real"
    DOUBLE = "double precision"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    CHAR = "char"
    VARCHAR = "varchar"
    SUPER = "super"


_ALIASES = {
    "int2": Kind.SMALLINT,
    "int": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.BIGINT,
    "decimal": Kind.NUMERIC,
    "float4": Kind.REAL,
    "float": Kind.DOUBLE,
    "float8": Kind.DOUBLE,
    "bool": Kind.BOOLEAN,
    "timestamp without time zone": Kind.TIMESTAMP,
    "character": Kind.CHAR,
    "bpchar": Kind.CHAR,
    "character varying": Kind.VARCHAR,
    "text": Kind.VARCHAR,
} | {kind.value: kind for kind in Kind}

_SPARK: dict[Kind, spark.DataType] = {
    Kind.SMALLINT: spark.ShortType(),
    Kind.INTEGER: spark.IntegerType(),
    Kind.BIGINT: spark.LongType(),
    Kind.REAL: spark.FloatType(),
    Kind.DOUBLE: spark.DoubleType(),
    Kind.BOOLEAN: spark.BooleanType(),
    Kind.DATE: spark.DateType(),
    Kind.TIMESTAMP: spark.TimestampType(),
    Kind.CHAR: spark.StringType(),
    Kind.VARCHAR: spark.StringType(),
    Kind.SUPER: spark.StringType(),
}

_DECLARATION = re.compile(r"([a-z][a-z0-9 ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")


@dataclass(frozen=True)
class RedshiftType:
    """A declared type; `length` is in bytes, as Redshift counts it."""

    kind: Kind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether values are kept as they are written; a SUPER value is its JSON text."""
        return self.kind in (Kind.CHAR, Kind.VARCHAR, Kind.SUPER)

    @property
    def is_number(self) -> bool:
        """Whether values are numbers."""
        return self.kind in (
            Kind.SMALLINT,
            Kind.INTEGER,
            Kind.BIGINT,
            Kind.NUMERIC,
            Kind.REAL,
            Kind.DOUBLE,
        )

    @property
    def is_time(self) -> bool:
        """Whether values are read by datetime patterns."""
        return self.kind in (Kind.DATE, Kind.TIMESTAMP)

    def to_spark(self) -> spark.DataType:
        """Return the Spark type whose Parquet form Redshift reads into this type."""
        if self.kind is Kind.NUMERIC:
            return spark.DecimalType(self.precision or 18, self.scale or 0)
        return _SPARK[self.kind]

    def __str__(self) -> str:
        if self.kind is Kind.NUMERIC:
            return f"numeric({self.precision},{self.scale})"
        return f"{self.kind.value}({self.length})" if self.length else self.kind.value


def parse_type(text: str) -> RedshiftType:
    """Parse a Redshift type such as `varchar(64)`; raise `BatchError` for one that is unknown."""
    match = _DECLARATION.fullmatch(" ".join(text.lower().split()))
    kind = _ALIASES.get(match[1]) if match else None
    if match is None or kind is None:
        known = ", ".join(k.value for k in Kind)
        raise BatchError(f"data type {text!r} is not one that a feed can have; use one of: {known}")
    first, second = (int(group) if group else None for group in match.group(2, 3))
    if kind in (Kind.CHAR, Kind.VARCHAR) and second is None:
        default = 1 if kind is Kind.CHAR else 256  # Redshift's own defaults
        return RedshiftType(kind, length=first or default)
    if kind is Kind.NUMERIC:
        precision, scale = first or 18, second or 0  # NUMERIC is NUMERIC(18,0) in Redshift
        if precision <= 38 and scale <= min(precision, 37):
            return RedshiftType(kind, precision=precision, scale=scale)
        raise BatchError(f"data type {text!r}: precision is at most 38, scale at most 37")
    if first is not None:
        raise BatchError(f"data type {text!r}: {kind.value} takes no length; write {kind.value!r}")
    return RedshiftType(kind)
