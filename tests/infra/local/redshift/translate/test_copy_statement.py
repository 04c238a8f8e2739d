from __future__ import annotations

import pytest

from infra.local.redshift.commands.copy_statement import CopyStatement, Format, parse_copy
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.lexer import tokenize

ROLE = "iam_role 'arn:aws:iam::123456789012:role/r'"


def parse(sql: str) -> CopyStatement:
    return parse_copy(sql, tokenize(sql))


def test_the_form_that_the_load_sends() -> None:
    assert parse(
        f"copy staging.trips from 's3://lake/m.json' {ROLE} format as parquet manifest"
    ) == CopyStatement(
        table=("staging", "trips"),
        columns=(),
        url="s3://lake/m.json",
        format=Format.PARQUET,
        manifest=True,
        role="arn:aws:iam::123456789012:role/r",
    )


def test_csv_options() -> None:
    found = parse(
        f"COPY t (a, \"B\") FROM 's3://b/k' {ROLE} CSV QUOTE AS '''' DELIMITER '|' IGNOREHEADER 1 "
        "EMPTYASNULL GZIP REGION 'us-east-1' STATUPDATE ON COMPUPDATE OFF"
    )
    assert (found.columns, found.quote, found.delimiter) == (("a", "b"), "'", "|")
    assert (found.ignore_header, found.empty_as_null, found.gzip) == (1, True, True)


@pytest.mark.parametrize(
    "parameter",
    ["region 'x'", "compupdate off", "ignoreheader 1", "delimiter '|'", "emptyasnull", "gzip"],
)
def test_columnar_copy_takes_only_its_own_parameters(parameter: str) -> None:
    sql = f"copy t from 's3://b/k' {ROLE} format parquet {parameter}"
    with pytest.raises(GatewayError) as caught:
        parse(sql)
    name = parameter.split(maxsplit=1)[0].upper()
    assert caught.value.message == f"{name} argument is not supported for PARQUET based COPY"
    assert caught.value.position == sql.index(parameter) + 1


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "maxerror 5 csv",
            "COPY parameter MAXERROR is not supported by the local Redshift gateway",
        ),
        (
            "fillrecord parquet",
            "COPY parameter FILLRECORD is not supported by the local Redshift gateway",
        ),
        ("format json 'auto'", "COPY FORMAT JSON is not supported by the local Redshift gateway"),
        ("manifest", "COPY of delimited text is not supported by the local Redshift gateway"),
        ("csv gzip gzip", "conflicting or redundant options: gzip"),
        ("csv 'x'", "syntax error at or near \"'x'\""),
    ],
)
def test_unknown_parameters_are_refused_by_name(rest: str, message: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse(f"copy t from 's3://b/k' {ROLE} {rest}")
    assert caught.value.message == message


def test_credentials_are_needed_and_only_s3_is_read() -> None:
    with pytest.raises(GatewayError, match="COPY needs an IAM_ROLE"):
        parse("copy t from 's3://b/k' parquet")
    with pytest.raises(GatewayError, match="COPY from dynamodb is not supported"):
        parse(f"copy t from 'dynamodb://t' {ROLE} parquet")
