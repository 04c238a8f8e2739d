"""The types of NUMERIC arithmetic, as the developer guide's rules give them."""

from __future__ import annotations

import re

import pytest

from infra.local.redshift.translate.columns import Known, NeedsColumns
from infra.local.redshift.translate.division import rewrite_division
from infra.local.redshift.translate.lexer import tokenize

SALES = ("pricepaid", "numeric(8,2)", "qty", "smallint", "n", "bigint", "f", "double precision",
         "i", "integer", "wide", "numeric", "name", "character varying(9)")  # fmt: skip
KNOWN = Known(
    {'types of select * from "sales"': SALES, 'types of select * from "s"."sales"': SALES}
)


def types(sql: str) -> list[str]:
    """The types that the divisions of a statement are given, from left to right."""
    edits = rewrite_division(sql, tokenize(sql), KNOWN)
    return re.findall(r"\)::(numeric\(\d+,\d+\))", edits.render()) if edits else []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The guide's own example, DECIMAL(8,2) / DECIMAL(8,2)
        ("a::decimal(8,2) / cast(b as decimal(8,2))", "numeric(17,9)"),
        ("a::decimal(8,2) / b::smallint", "numeric(14,8)"),
        ("a::decimal(8,2) / 7", "numeric(19,13)"),
        ("a::decimal(8,2) / b::bigint", "numeric(28,22)"),
        ("1 / 3.0", "numeric(15,4)"),
        ("10.0 / 3", "numeric(14,12)"),
        ("a::decimal / 3.0", "numeric(23,4)"),
        # More than 38 digits: the scale gives way, down to 4
        ("a::decimal(38,2) / b::bigint", "numeric(38,4)"),
        ("a::decimal(38,10) / b::decimal(10,2)", "numeric(38,8)"),
        ("a::decimal(20,2) / b::decimal(20,2)", "numeric(38,18)"),
        # What stands on the left is computed first
        ("a::decimal(8,2) * 100 / 7", "numeric(30,13)"),
        ("(a::decimal(8,2) - 1) / -7", "numeric(24,13)"),
        ("nullif(a::decimal(8,2), 0) / coalesce(b::decimal(5,3), 1.0)", "numeric(14,5)"),
        ("case when x then 1.5 else null end / abs(2.25)", "numeric(7,4)"),
        ("sum(a::decimal(8,2)) over (partition by x) / count(*)", "numeric(38,4)"),
        ("avg(a::decimal(8,5)) / avg(distinct b::int)", "numeric(38,5)"),
    ],
)
def test_types_that_the_text_tells(expression: str, expected: str) -> None:
    assert types(f"select {expression} as x") == [expected]


@pytest.mark.parametrize(
    "expression",
    [
        "7 / 2",
        "a / 2",
        "7 / 2::float",
        "1.0 / 2e1",
        "1.5 / f(2)",
        "1.0 / '2'",
        "$1 / 2.0",
        "1.0 / (select 2)",
        "a::date / 1",
        "count(*) / sum(b::int)",
        "1.5 / a[0]",
    ],
)
def test_integers_floats_and_what_is_not_known_stay(expression: str) -> None:
    assert types(f"select {expression} as x") == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select pricepaid / qty from sales", ["numeric(14,8)"]),
        (
            "select s.pricepaid / 2 from s.sales as s where s.pricepaid / 3 > 1",
            ["numeric(19,13)"] * 2,
        ),
        ("select pricepaid / f, i / n, name / 2, wide / 2, nothere / 1.0 from sales", []),
        ("select sum(pricepaid) as total, total / count(*) as mean from sales", ["numeric(38,4)"]),
        (
            "with a as (select *, pricepaid * qty as total from sales), "
            "b as (select sum(total) as t, sum(n) as m from a) select t / 2, t / m from b",
            ["numeric(38,4)"] * 2,
        ),
        (
            "select x / 2 from (select pricepaid as x from sales union all select 1.5 from sales "
            "union all select null)",
            ["numeric(19,13)"],
        ),
        # The inner one's type is the outer one's operand
        ("select pricepaid / qty / 2 from sales", ["numeric(25,19)", "numeric(14,8)"]),
        ("select pricepaid / (pricepaid / 2) from sales", ["numeric(19,13)", "numeric(28,9)"]),
        # Found in two places with different types, hidden by an inner query
        ("select x / 2 from (select 1.5 as x) as a, (select 1.25 as x) as b", []),
        ("with sales as (select 1 as pricepaid) select pricepaid / 2 from sales", []),
        ("with recursive r as (select 1.5 as x union all select x / 2 from r) select 1 from r", []),
    ],
)
def test_types_of_columns(sql: str, expected: list[str]) -> None:
    assert sorted(types(sql)) == sorted(expected)


def test_only_what_is_needed_is_asked() -> None:
    def asked(sql: str) -> str:
        with pytest.raises(NeedsColumns) as caught:
            rewrite_division(sql, tokenize(sql), Known())
        return caught.value.query

    assert asked('select a / b from x."Y"') == 'select * from "x"."y"'
    for sql in ("select a / 2.0::float from t", "select a / 'x' from t", "select 1.0 / 3 from t"):
        rewrite_division(sql, tokenize(sql), Known())


def test_the_text_is_changed_once_and_named_as_before() -> None:
    sql = "select 1.0 / 2 / 3, -(4.5 / 3) as x"
    edits = rewrite_division(sql, tokenize(sql), Known())
    assert edits is not None
    text = edits.render()
    assert text == (
        "select pg_internal.quotient((pg_internal.quotient((1.0 ), ( 2), 1e12, 1e-12)"
        '::numeric(13,12) ), ( 3), 1e23, 1e-23)::numeric(24,23) as "?column?", '
        "-(pg_internal.quotient((4.5 ), ( 3), 1e12, 1e-12)::numeric(13,12)) as x"
    )
    assert rewrite_division(text, tokenize(text), Known()) is None
