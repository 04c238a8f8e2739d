"""Typed values of Parquet files: which a column takes as they are, and the text of the others."""

from __future__ import annotations

from pyspark.sql import types as spark

from spark_jobs import sql
from spark_jobs.feed import Column, FileFormat
from spark_jobs.patterns import counts_sas_days
from spark_jobs.redshift_types import Kind
from spark_jobs.rules import null_markers
from spark_jobs.storage import NANOSECONDS

_WHOLE = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)


def read_field(field: spark.StructField) -> tuple[str, spark.DataType]:
    """Return the SQL and the type of a Parquet file's field.

    Nanoseconds since 1970 become a timestamp; what is below a microsecond is cut off, downwards.
    """
    name = sql.name(field.name)
    if not field.metadata.get(NANOSECONDS):
        return name, field.dataType
    micros = f"({name} div 1000 - if({name} < 0 and {name} % 1000 <> 0, 1, 0))"
    return f"timestamp_micros({micros})", spark.TimestampType()


def takes(kind: spark.DataType, column: Column, files: FileFormat) -> bool:
    """Whether a typed value needs no way through its text, in which the rules are written.

    It does where the contract names texts: null markers, accepted values.
    """
    markers = {marker.strip(" ") for marker in null_markers(column, files)}
    if markers != {""} or column.accepted_values:
        return False
    return convert_typed("x", kind, column) is not None


def convert_typed(value: str, kind: spark.DataType, column: Column) -> str | None:
    """Return the SQL of a column's value from a typed one; None if it must be read from its text.

    Both ways give the same value, and NULL for the same values.
    """
    wanted, target = column.type.kind, column.type.to_spark()
    cast = f"try_cast({value} as {target.simpleString()})"
    exact, double = isinstance(kind, spark.IntegralType), isinstance(kind, spark.DoubleType)
    numeric, whole = wanted is Kind.NUMERIC, wanted in _WHOLE
    time = isinstance(kind, spark.DateType | spark.TimestampType | spark.TimestampNTZType)
    same = kind == target and wanted in (Kind.REAL, Kind.DOUBLE)
    fits = f"{value} = floor({value}) and abs({value}) < 1e18"
    days = f"{value} = floor({value}) and {value} > -3000000 and {value} < 3000000"
    day = f"if({days}, date_add(date'1960-01-01', cast({value} as int)), null)"
    ways = (
        (time and column.type.is_time, f"cast({value} as {target.simpleString()})"),
        ((exact or double) and counts_sas_days(column), f"cast({day} as {target.simpleString()})"),
        (isinstance(kind, spark.BooleanType) and wanted is Kind.BOOLEAN, value),
        (exact and (whole or numeric), cast),
        (isinstance(kind, spark.DecimalType) and numeric, cast),
        (double and numeric, f"if(abs({value}) < 1e38, {cast}, null)"),  # nor NaN
        (double and whole, f"if({fits}, {cast}, null)"),
        (same, f"if(isnan({value}), null, {value})"),
    )
    return next((way for applies, way in ways if applies), None)


def text_of(value: str, kind: spark.DataType) -> str:
    """Return the text of a typed value as a contract's rules read it.

    Whole floating-point numbers are written without an exponent, nested values as JSON.
    """
    if isinstance(kind, spark.FloatType | spark.DoubleType):
        whole = f"{value} = floor({value}) and abs({value}) < 1e18"
        return f"if({whole}, cast(cast({value} as bigint) as string), cast({value} as string))"
    if isinstance(kind, spark.StructType | spark.ArrayType | spark.MapType):
        return f"to_json({value})"
    return value if isinstance(kind, spark.StringType) else f"cast({value} as string)"


def written(value: str, kind: spark.DataType | None) -> str:
    """Return the short SQL of a text from which `text_as_read` makes that of `text_of`."""
    return f"cast({value} as string)" if kind else value


def text_as_read(text: str, kind: spark.DataType | None) -> str:
    """Return what `text_of` says of a value, from its text by `written`; both are of the type."""
    if isinstance(kind, spark.FloatType | spark.DoubleType):
        return text_of(f"cast({text} as {kind.simpleString()})", kind)
    return text
