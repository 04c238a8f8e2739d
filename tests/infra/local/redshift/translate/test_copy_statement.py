from __future__ import annotations

import pytest

from infra.local.redshift.commands.copy_statement import CopyStatement, Format, parse_copy
from infra.local.redshift.commands.parameters import Compression
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
    assert (found.ignore_header, found.empty_as_null) == (1, True)
    assert found.compression is Compression.GZIP


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
        ("lzop", "COPY parameter LZOP is not supported by the local Redshift gateway"),
        ("encrypted", "COPY parameter ENCRYPTED is not supported by the local Redshift gateway"),
        ("format avro 'auto'", "COPY FORMAT AVRO is not supported by the local Redshift gateway"),
        ("json 'some'", "Invalid JSON option 'some'"),
        ("csv json 'auto'", "CSV and JSON cannot be specified at the same time"),
        ("csv gzip gzip", "conflicting or redundant options: gzip"),
        ("csv gzip zstd", "conflicting or redundant options: compression"),
        ("csv 'x'", "syntax error at or near \"'x'\""),
        ("csv escape", "ESCAPE argument is not supported for CSV based COPY"),
        ("fixedwidth 'a:1' delimiter ','", "DELIMITER argument is not supported for FIXEDWIDTH "
         "based COPY"),
        ("fixedwidth 'a1'", "Invalid FIXEDWIDTH specification 'a1'"),
        ("json 'auto' null as 'x'", "NULL argument is not supported for JSON based COPY"),
        ("quote '%'", "QUOTE can be used only with CSV"),
        ("delimiter '||'", "DELIMITER must be a single ASCII character"),
        ("maxerror 100001", "MAXERROR value must be between 0 and 100000"),
        ("maxerror 1 ignoreallerrors", "MAXERROR and IGNOREALLERRORS cannot be specified at the "
         "same time"),
        ("credentials 'aws_iam_role=r'", "IAM_ROLE and CREDENTIALS cannot be specified at the same "
         "time"),
    ],
)  # fmt: skip
def test_unknown_parameters_are_refused_by_name(rest: str, message: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse(f"copy t from 's3://b/k' {ROLE} {rest}")
    assert caught.value.message == message


def test_every_way_of_authorization() -> None:
    start = "copy t from 's3://b/k' "
    assert parse(f"{start} iam_role default").role == "default"
    assert parse(f"{start} with credentials as 'aws_iam_role=r'").credentials == "aws_iam_role=r"
    keys = parse(f"{start} access_key_id 'a' secret_access_key 'b' session_token 'c'")
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == ("a", "b", "c")
    with pytest.raises(GatewayError, match="must be used together"):
        parse(f"{start} access_key_id 'a'")


@pytest.mark.parametrize("null", ["\\N", "\\\\N"])
def test_backslashes_in_parameters(null: str) -> None:
    found = parse(f"copy t from 's3://b/k' {ROLE} delimiter '\\001' null as '{null}'")
    assert (found.delimiter, found.null_as) == ("\x01", "\\N")


def test_credentials_are_needed_and_only_s3_is_read() -> None:
    with pytest.raises(GatewayError, match="COPY needs an IAM_ROLE"):
        parse("copy t from 's3://b/k' parquet")
    with pytest.raises(GatewayError, match="COPY from dynamodb is not supported"):
        parse(f"copy t from 'dynamodb://t' {ROLE} parquet")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("copy t (a, b) from stdin with (format csv)", "COPY FROM STDIN"),
        ("copy s.t to stdout", "COPY … TO"),
        ("copy (select 1) to stdout", "COPY of a query"),
    ],
)
def test_the_copy_of_the_protocol_is_refused(statement: str, what: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse(statement)
    assert caught.value.message == f"{what} is not supported by the local Redshift gateway"
    assert "S3" in str(caught.value.hint)
