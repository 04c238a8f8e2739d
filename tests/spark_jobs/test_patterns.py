from __future__ import annotations

import random
import re

import pytest
from pyspark.sql import SparkSession

from spark_jobs import sql
from spark_jobs.feed import Column
from spark_jobs.patterns import formats_of, shape_of, to_time
from spark_jobs.redshift_types import parse_type
from spark_jobs.session import build_session


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("M/d/yyyy H:mm", ["7/1/2019 0:00", "07/01/2019 00:00"], ["2019-07-01 00:00", "7/1/2019"]),
        ("yyyy-MM-dd HH:mm:ss", ["2019-07-01 00:00:00"], ["7/1/2019 0:00", "2019-07-01 00:00"]),
        ("yyyyMMdd", ["20190701"], ["2019-07-01"]),
        ("d MMM yyyy", ["1 Jul 2019"], ["1.7.2019"]),
        ("yyyy-MM-dd'T'HH:mm[:ss]", ["2019-07-01T00:00", "2019-07-01T00:00:01"], ["2019-07-01 00"]),
        ("d.M.yyyy 'o''clock'", ["1.7.2019 o'clock"], ["1x7x2019 o'clock"]),
    ],
)
def test_a_shape_takes_the_patterns_values_and_leaves_the_others(
    pattern: str, fits: list[str], fits_not: list[str]
) -> None:
    shape = re.compile(shape_of(pattern))
    assert [text for text in fits if not shape.search(text)] == []
    assert [text for text in fits_not if shape.search(text)] == []


def test_without_formats_iso_is_read() -> None:
    assert formats_of(Column("d", parse_type("date"))) == ("yyyy-MM-dd",)
    assert formats_of(Column("d", parse_type("date"), formats=("d.M.yyyy",))) == ("d.M.yyyy",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("yyyy-MM-dd", "2019-07-01"),
        ("yyyy-MM-dd HH:mm", "2019-07-01 10:15"),
        ("yyyy-MM-dd'T'HH:mm:ss", "2019-07-01T10:15:30"),
        ("yyyy-MM-dd HH:mm:ss", "2019-07-01 10:15:30"),
        ("yyyy-MM-dd HH:mm:ss[.SSSSSS]", "2019-07-01 10:15:30"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2019-07-01 10:15:30.125"),
    ],
)
def test_of_texts_in_isos_order_those_of_the_patterns_shape_are_read(
    spark: SparkSession, pattern: str, value: str
) -> None:
    """What Spark's cast reads besides (2019-7-1, 10:15:3Z, 10:15:30+01) is no value of these."""
    rng = random.Random(pattern)  # noqa: S311 made-up texts
    texts = {value}
    while len(texts) < 3000:
        text = list(rng.choice((value, value, value + ".5", value[:-1] + "Z", value[:10])))
        for _ in range(rng.randrange(4)):
            at, some = rng.randrange(len(text)), rng.choice("0139-+:. TZ/\t\u0663")
            text[at : at + rng.choice((1, 1, 1, 0))] = rng.choice((some, some, some, ""))
            text = text or ["0"]
        texts.add("".join(text))
    shape = re.compile(shape_of(pattern))
    column = Column("c", parse_type("timestamp"), formats=(pattern,))
    rows = sql.table(build_session("patterns"), [(text,) for text in sorted(texts)], ["t string"])
    values = rows.selectExpr("t", f"{to_time('t', column)} as got", "try_cast(t as timestamp) as c")
    found = values.selectExpr("t", "got is not null", "c is not null").collect()
    read = {text: (got, by_cast) for text, got, by_cast in found}
    assert read == {
        text: (by_cast and bool(shape.search(text)), by_cast) for text, (_, by_cast) in read.items()
    }
    assert {text for text, (got, _) in read.items() if got} > {value}
    assert {text for text, (got, by_cast) in read.items() if by_cast and not got}
