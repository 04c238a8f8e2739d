from __future__ import annotations

import pytest
from pyspark.sql import types as spark

from spark_jobs.errors import BatchError
from spark_jobs.redshift_types import Kind, RedshiftType, parse_type


@pytest.mark.parametrize(
    ("text", "parsed", "in_spark"),
    [
        ("smallint", RedshiftType(Kind.SMALLINT), spark.ShortType()),
        ("INT4", RedshiftType(Kind.INTEGER), spark.IntegerType()),
        ("bigint", RedshiftType(Kind.BIGINT), spark.LongType()),
        ("real", RedshiftType(Kind.REAL), spark.FloatType()),
        ("double  precision", RedshiftType(Kind.DOUBLE), spark.DoubleType()),
        ("bool", RedshiftType(Kind.BOOLEAN), spark.BooleanType()),
        ("date", RedshiftType(Kind.DATE), spark.DateType()),
        ("timestamp", RedshiftType(Kind.TIMESTAMP), spark.TimestampType()),
        (
            "numeric( 9 , 2 )",
            RedshiftType(Kind.NUMERIC, precision=9, scale=2),
            spark.DecimalType(9, 2),
        ),
        (
            "decimal",
            RedshiftType(Kind.NUMERIC, precision=18, scale=0),
            spark.DecimalType(18, 0),
        ),
        ("char", RedshiftType(Kind.CHAR, length=1), spark.StringType()),
        ("varchar", RedshiftType(Kind.VARCHAR, length=256), spark.StringType()),
        ("character varying(5)", RedshiftType(Kind.VARCHAR, length=5), spark.StringType()),
    ],
)
def test_redshifts_types_and_their_spark_types(
    text: str, parsed: RedshiftType, in_spark: spark.DataType
) -> None:
    assert parse_type(text) == parsed
    assert parsed.to_spark() == in_spark


@pytest.mark.parametrize(
    "text", ["uuid", "integer(4)", "numeric(39,2)", "numeric(4,5)", "", "varchar(x)"]
)
def test_other_types_are_refused_by_name(text: str) -> None:
    with pytest.raises(BatchError) as error:
        parse_type(text)
    assert repr(text) in str(error.value)


def test_a_type_is_shown_as_it_is_written() -> None:
    texts = ["numeric(9,2)", "varchar(64)", "double precision"]
    assert [str(parse_type(text)) for text in texts] == texts
