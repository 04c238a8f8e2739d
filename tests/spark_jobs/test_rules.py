from __future__ import annotations

import datetime
import random
import re
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs import rules, sql
from spark_jobs.feed import FileFormat, parse_feed
from spark_jobs.session import build_session

pytestmark = pytest.mark.slow

ARABIC_ONE = "\u0661"
REQUIRED, TYPE, LENGTH = "required", "type", "length"


def check(
    spark: SparkSession, data_type: str, texts: list[str | None], **settings: Any
) -> list[Any]:
    """Return, for each text, its typed value, or the name of the rule that it breaks."""
    spark = build_session("rules")
    files = FileFormat(**settings.pop("files", {}))
    spec = {"name": "c", "data_type": data_type, **settings}
    column = parse_feed({"source": "s", "feed": "f", "columns": [spec]}).columns[0]
    checks = rules.checks_of("t", "v", column, files)
    broken = ", ".join(f"if({c.broken}, {sql.literal(c.rule.value)}, null)" for c in checks)
    rows = (
        spark.createDataFrame([(at, text) for at, text in enumerate(texts)], "at int, c string")
        .selectExpr("at", f"{rules.normalise('c', column, files)} as t")
        .selectExpr("*", f"{rules.convert('t', column)} as v")
        .selectExpr("*", f"coalesce({broken}) as broken")
        .selectExpr("at", "if(broken is null, v, null) as v", "broken")
        .orderBy("at")
        .collect()
    )
    return [row.broken or row.v for row in rows]


@pytest.mark.parametrize(
    ("data_type", "texts", "expected"),
    [
        (
            "smallint",
            ["32767", "32768", "-32768", " 7 ", "+5", "1992.0", "1992.", "1.5", "", None],
            [32767, TYPE, -32768, 7, 5, 1992, 1992, TYPE, None, None],
        ),
        (
            "integer",
            ["2147483647", "2147483648", "1e3", "0x10", "1,048", "1_000", ARABIC_ONE, "--1", ".0"],
            [2147483647, TYPE, TYPE, TYPE, TYPE, TYPE, TYPE, TYPE, TYPE],
        ),
        (
            "bigint",
            ["9223372036854775807", "9223372036854775808", "-5.00", "9.2471038e10", "-1.2E+1"],
            [9223372036854775807, TYPE, -5, 92471038000, -12],
        ),
        (
            "bigint",
            ["1.25e1", "1.0e19", "1.0e99", "1.0e-1", "1.0e", "1.e1"],
            [TYPE, TYPE, TYPE, TYPE, TYPE, 10],
        ),
        (
            "numeric(5,2)",
            ["999.99", "1000", "1.005", "1.004", ".5", "1e2", "1e999999999", "NaN", ARABIC_ONE],
            [
                Decimal("999.99"),
                TYPE,
                Decimal("1.01"),
                Decimal("1.00"),
                Decimal("0.50"),
                Decimal("100.00"),
                TYPE,
                TYPE,
                TYPE,
            ],
        ),
        (
            "double precision",
            ["41.8781136", "-87", "1e5", "1e400", "1d", "0x1p3", "NaN", "Infinity", "abc"],
            [41.8781136, -87.0, 1e5, TYPE, TYPE, TYPE, TYPE, TYPE, TYPE],
        ),
        ("real", ["0.5", "3e39"], [0.5, TYPE]),
        (
            "boolean",
            ["true", "T", "yes", "1", "FALSE", "n", "0", "2", "maybe", " "],
            [True, True, True, True, False, False, False, TYPE, TYPE, None],
        ),
        (
            "varchar(4)",
            ["abcd", "abcde", " a ", "  ", "", "Ärg", "ÄÖÜ"],
            ["abcd", LENGTH, " a ", None, None, "Ärg", LENGTH],
        ),
        ("char(2)", ["ab", "abc", "Ä", "a"], ["ab", LENGTH, LENGTH, "a"]),
    ],
)
def test_values_of_each_type(
    spark: SparkSession, data_type: str, texts: list[str | None], expected: list[Any]
) -> None:
    assert check(spark, data_type, texts) == expected


@pytest.mark.parametrize("data_type", ["double precision", "numeric(18,2)"])
def test_a_number_is_what_people_write_and_not_all_that_java_reads(
    spark: SparkSession, data_type: str
) -> None:
    rng = random.Random(data_type)  # noqa: S311 made-up texts
    texts = ["-0x1p3", "+0X1p3", "1f", "2.D", "5/", "-Infinity", "7\t", f"1{ARABIC_ONE}", "-1.e-2"]
    texts += (
        "".join(
            rng.choice("0123456789..--+eExXpdDfFN/:\u0663") for _ in range(rng.choice((1, 2, 4)))
        )
        for _ in range(3000)
    )
    number = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
    read = dict(zip(texts, check(spark, data_type, texts), strict=True))
    fits = {text for text in texts if number.fullmatch(text) and abs(Decimal(text)) < 10**15}
    assert {text for text in fits if read[text] in (TYPE, None)} == set()
    assert {text for text in texts if read[text] != TYPE and not number.fullmatch(text)} == set()
    assert 100 < len(fits) < len(read) - 100


def test_a_numeric_has_no_control_characters(spark: SparkSession) -> None:
    assert check(spark, "numeric(5,2)", ["\t12", "12\t", "12"]) == [TYPE, TYPE, Decimal("12.00")]


def moment(text: str) -> datetime.datetime:
    """Spark hands UTC moments over as naive local time."""
    aware = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return aware.astimezone().replace(tzinfo=None)


def test_timestamps_are_read_by_the_formats_in_order(spark: SparkSession) -> None:
    formats = ["yyyy-MM-dd HH:mm:ss", "M/d/yyyy H:mm", "d/M/yyyy H:mm"]
    texts = [
        "2019-07-01 00:15:30",
        "7/1/2019 0:15",
        "07/01/2019 00:15",
        " 12/31/2016 23:57 ",
        "31/12/2016 23:57",
        "2/30/2019 1:00",
        "2019-02-29 00:00:00",
        "7/1/2019 24:00",
        "7/1/19 0:15",
        "7/1/2019",
        "7/1/0000 0:15",
        "not a date",
        "",
    ]
    assert check(spark, "timestamp", texts, formats=formats) == [
        moment("2019-07-01T00:15:30"),
        moment("2019-07-01T00:15:00"),
        moment("2019-07-01T00:15:00"),
        moment("2016-12-31T23:57:00"),
        moment("2016-12-31T23:57:00"),
        *[TYPE] * 7,
        None,
    ]


def test_without_formats_iso_is_read(spark: SparkSession) -> None:
    texts = ["2019-07-01 00:15:30", "2019-07-01T00:15:30.5", "2019-07-01 00:15:30.123456"]
    assert check(spark, "timestamp", [*texts, "2019-07-01", "2019-07-01T00:15:30Z"]) == [
        moment("2019-07-01T00:15:30"),
        moment("2019-07-01T00:15:30.500000"),
        moment("2019-07-01T00:15:30.123456"),
        TYPE,
        TYPE,
    ]
    assert check(spark, "date", ["2020-02-29", "2019-02-29", "2019-2-1", "20190201"]) == [
        datetime.date(2020, 2, 29),
        TYPE,
        TYPE,
        TYPE,
    ]


def test_dates_by_a_format_of_their_own(spark: SparkSession) -> None:
    dates = check(spark, "date", ["10.6.2013", "31.6.2013"], formats=["d.M.yyyy"])
    assert dates == [datetime.date(2013, 6, 10), TYPE]


@pytest.mark.parametrize(
    ("separator", "texts", "expected"),
    [
        (
            ",",
            [
                "1,048.00",
                "1,234,567",
                "48",
                "12,34",
                "1,0480",
                ",048",
                "1,048.50",
                "-1,048",
                "1048,000",
            ],
            [1048, 1234567, 48, TYPE, TYPE, TYPE, TYPE, -1048, TYPE],
        ),
        (".", ["1.048", "10.48"], [1048, TYPE]),
        ("'", ["1'048"], [1048]),
        (" ", ["1 048", "10 48"], [1048, TYPE]),
    ],
)
def test_thousands_separators_group_by_three(
    spark: SparkSession, separator: str, texts: list[str | None], expected: list[Any]
) -> None:
    assert check(spark, "integer", texts, thousands=separator) == expected


def test_required_values(spark: SparkSession) -> None:
    texts = ["a", "", "  ", None, "NA"]
    files = {"null_values": ["", "NA"]}
    rejected = ["a", *[REQUIRED] * 4]
    assert check(spark, "varchar(9)", texts, required=True, files=files) == rejected
    assert check(spark, "integer", ["1", "", "x"], required=True) == [1, REQUIRED, TYPE]


def test_null_markers_are_what_the_contract_says(spark: SparkSession) -> None:
    files = {"null_values": ["NULL", "-"]}
    assert check(spark, "varchar(9)", ["NULL", " - ", "", "  "], files=files) == [
        None,
        None,
        "",
        "  ",
    ]
    assert check(spark, "integer", ["NULL", "1", ""], files=files) == [None, 1, TYPE]
    required = check(spark, "varchar(9)", ["", "NULL"], required=True, files=files)
    assert required == [REQUIRED, REQUIRED]
    assert check(spark, "integer", ["", "x"], required=True, files=files) == [REQUIRED, TYPE]
    assert check(spark, "integer", [""], files={"null_values": []}) == [TYPE]


def test_quotes_and_backslashes_of_the_contract_are_only_text(spark: SparkSession) -> None:
    files = {"null_values": ["n'a", "\\N"]}
    assert check(spark, "varchar(9)", ["n'a", "\\N", "N"], files=files) == [None, None, "N"]
