from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from infra.local.redshift.commands.copy_statement import CopyStatement, parse_copy
from infra.local.redshift.commands.target import Column
from infra.local.redshift.commands.values import Converter
from infra.local.redshift.translate.lexer import tokenize


def statement(options: str = "") -> CopyStatement:
    sql = f"copy t from 's3://b/k' iam_role default {options}"
    return parse_copy(sql, tokenize(sql))


def convert(column: Column, value: str | None, options: str = "") -> Any:
    """One value; its fault as (number, text)."""
    array, faults = Converter(column, statement(options)).convert([value])
    if faults:
        return int(faults[0].code), faults[0].reason
    return array[0].as_py()


INT = Column("c", "int4")
TEXT = Column("c", "varchar", length=5)
CHAR = Column("c", "bpchar", length=3)
MONEY = Column("c", "numeric", precision=8, scale=2)
DATE, TIMESTAMP, ZONED = (Column("c", kind) for kind in ("date", "timestamp", "timestamptz"))


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (INT, "12", 12),
        (INT, " -7 ", -7),
        (INT, "+5", 5),
        (INT, "", None),
        (INT, "  ", None),
        (INT, "\\N", None),
        (INT, "1a", (1207, "Invalid digit, Value 'a', Pos 1, Type: Integer")),
        (INT, "1.5", (1207, "Invalid digit, Value '.', Pos 1, Type: Integer")),
        (INT, "0x1F", (1207, "Invalid digit, Value 'x', Pos 1, Type: Integer")),
        (INT, "2147483648", (1222, "Overflow, Column type: Integer")),
        (Column("c", "int2"), "-32768", -32768),
        (Column("c", "int2"), "99999", (1222, "Overflow, Column type: Short")),
        (Column("c", "int8"), "9223372036854775807", 2**63 - 1),
        (Column("c", "int8"), "9223372036854775808", (1222, "Overflow, Column type: Long")),
        (Column("c", "float8"), "-1.5e3", -1500.0),
        (Column("c", "float8"), "abc", (1208, "Invalid digit, Value 'a', Pos 0, Type: Double")),
        (Column("c", "float4"), "1e39", (1204, "Overflow, Column type: Real")),
        (MONEY, "20.259", Decimal("20.25")),
        (MONEY, "-20.259", Decimal("-20.25")),
        (MONEY, "1e3", Decimal("1000.00")),
        (MONEY, "123456.7", Decimal("123456.70")),
        (MONEY, "1234567", (1204, "Overflow for NUMERIC(8,2)")),
        (MONEY, "$5", (1207, "Invalid digit, Value '$', Pos 0, Type: Decimal")),
        (Column("c", "bool"), "YES", True),
        (Column("c", "bool"), "0", False),
        (Column("c", "bool"), "maybe", (1210, "Unknown boolean format")),
        (TEXT, "", ""),
        (TEXT, "  ", "  "),
        (TEXT, "\\N", None),
        (TEXT, "éé", "éé"),
        (TEXT, "ééé", (1204, "String length exceeds DDL length")),
        (
            TEXT,
            "a\udce9",
            (
                1220,
                "String contains invalid or unsupported UTF8 codepoints. "
                "Bad UTF8 hex sequence: e9 (error 4)",
            ),
        ),
        (
            CHAR,
            "é",
            (
                1220,
                "Multibyte character not supported for CHAR (Hint: Try using VARCHAR). "
                "Invalid char: c3 a9",
            ),
        ),
        (Column("c", "int4", not_null=True), "", (1213, "Missing data for not-null field")),
        (Column("c", "super"), '{"a": [1, null]}', '{"a":[1,null]}'),
        (
            Column("c", "super"),
            "{a}",
            (1224, "Input data is not properly formed JSON for SUPER"),
        ),
        (DATE, "2020-02-29", datetime.date(2020, 2, 29)),
        (DATE, "2020-02-29 23:59:59", datetime.date(2020, 2, 29)),
        (DATE, "2020-2-9", (1205, "Invalid Date Format - length must be 10 or more")),
        (DATE, "2021-02-29", (1205, "Invalid Date Value [YYYY-MM-DD]")),
        (TIMESTAMP, "2020-01-02 03:04:05.123456", datetime.datetime(2020, 1, 2, 3, 4, 5, 123456)),
        (
            TIMESTAMP,
            "2020-01-02T03:04:05",
            (1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
        ),
        (ZONED, "2020-01-02 03:04:05-08", datetime.datetime(2020, 1, 2, 11, 4, 5)),
    ],
)
def test_a_value_without_options(column: Column, value: str, expected: Any) -> None:
    assert convert(column, value) == expected


@pytest.mark.parametrize(
    ("column", "value", "options", "expected"),
    [
        (MONEY, "20.259", "roundec", Decimal("20.26")),
        (TEXT, "", "emptyasnull", None),
        (TEXT, "  ", "emptyasnull", "  "),
        (TEXT, "  ", "blanksasnull", None),
        (TEXT, "", "blanksasnull", ""),
        (TEXT, "a \t", "trimblanks", "a"),
        (TEXT, "aéééé", "truncatecolumns", "aéé"),
        (TEXT, "n/a", "null as 'n/a'", None),
        (TEXT, "\\N", "null as 'n/a'", "\\N"),
        (TEXT, "", "null as ''", None),
        (INT, "n/a", "null 'n/a'", None),
        (TEXT, "\0", "null as '\\0'", None),
        (TEXT, "a\0", "null as '\\000'", (1218, "Invalid null byte - field longer than 1 byte")),
        (TEXT, "a\udce9\udc80", "acceptinvchars", "a??"),
        (TEXT, "a\udce9\udc80", "acceptinvchars as '^'", "a^^"),
        (DATE, "31.12.1999", "dateformat 'DD.MM.YYYY'", datetime.date(1999, 12, 31)),
        (DATE, "Jan-01-1999", "dateformat as 'MON-DD-YYYY'", datetime.date(1999, 1, 1)),
        (DATE, "12/31/99", "dateformat 'MM/DD/YY'", datetime.date(1999, 12, 31)),
        (DATE, "13/31/99", "dateformat 'MM/DD/YY'", (1205, "Invalid Date Value [MM/DD/YY]")),
        (DATE, "x", "dateformat 'MM/DD/YY' acceptanydate", None),
        (TIMESTAMP, "00/00/00 00:00:00", "acceptanydate", None),
        (INT, "x", "acceptanydate", (1207, "Invalid digit, Value 'x', Pos 0, Type: Integer")),
        (
            TIMESTAMP,
            "12.31.1999 11:59:01 PM",
            "timeformat 'MM.DD.YYYY HH12:MI:SS AM'",
            datetime.datetime(1999, 12, 31, 23, 59, 1),
        ),
        (
            TIMESTAMP,
            "1600000000",
            "timeformat 'epochsecs'",
            datetime.datetime(2020, 9, 13, 12, 26, 40),
        ),
        (
            TIMESTAMP,
            "1600000000123",
            "timeformat 'epochmillisecs'",
            datetime.datetime(2020, 9, 13, 12, 26, 40, 123000),
        ),
        (
            TIMESTAMP,
            "1.5x",
            "timeformat 'epochsecs'",
            (1206, "Invalid timestamp format or value [epochsecs]"),
        ),
    ],
)
def test_a_value_with_an_option(column: Column, value: str, options: str, expected: Any) -> None:
    assert convert(column, value, options) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2019-02-11T05:09:12.195Z", datetime.datetime(2019, 2, 11, 5, 9, 12, 195000)),
        ("J2451187", datetime.datetime(1999, 1, 8)),
        ("19960108 040809", datetime.datetime(1996, 1, 8, 4, 8, 9)),
        ("960108 040809", datetime.datetime(1996, 1, 8, 4, 8, 9)),
        ("1996.008", datetime.datetime(1996, 1, 8)),
        ("1996-01-08 04:05:06.789", datetime.datetime(1996, 1, 8, 4, 5, 6, 789000)),
        ("17 Dec 07:37:16 1997 PST", datetime.datetime(1997, 12, 17, 7, 37, 16)),
        ("12/17/1997 07:37:16.00 PST", datetime.datetime(1997, 12, 17, 7, 37, 16)),
        ("1997-12-17 07:37:16-08", datetime.datetime(1997, 12, 17, 7, 37, 16)),
        ("12.17.1997 07:37:16.00 PST", datetime.datetime(1997, 12, 17, 7, 37, 16)),
        ("January 8, 1999 9:05 pm", datetime.datetime(1999, 1, 8, 21, 5)),
        ("99/99/9999", (1206, "Invalid timestamp format or value [auto]")),
        ("Jan-08-95 BC", (1206, "Invalid timestamp format or value [auto]")),
    ],
)
def test_auto_recognises_the_documented_formats(value: str, expected: Any) -> None:
    assert convert(TIMESTAMP, value, "timeformat 'auto'") == expected
    day = (
        expected.date()
        if isinstance(expected, datetime.datetime)
        else (1205, "Invalid Date Format")
    )
    assert convert(DATE, value, "dateformat 'auto'") == day


def test_auto_keeps_the_zone_of_a_timestamptz() -> None:
    found = convert(ZONED, "1997-12-17 07:37:16.00 PST", "timeformat 'auto'")
    assert found == datetime.datetime(1997, 12, 17, 15, 37, 16)


def test_a_block_keeps_its_good_rows() -> None:
    array, faults = Converter(INT, statement()).convert(["1", "x", None, "4"])
    assert array.to_pylist() == [1, None, None, 4]
    assert list(faults) == [1]
