from __future__ import annotations

import re

import pytest

from spark_jobs.feed import Column
from spark_jobs.patterns import formats_of, shape_of
from spark_jobs.redshift_types import parse_type


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
