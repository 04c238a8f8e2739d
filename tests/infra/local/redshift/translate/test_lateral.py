from __future__ import annotations

import pytest

from infra.local.redshift.translate.lateral import lateral_uses, substitute


@pytest.mark.parametrize(
    ("sql", "aliases"),
    [
        ("select a + 1 as b, b * 2 as c from t", ["b"]),
        ("select a + 1 b, b * 2 c from t", ["b"]),
        ("select b, b * 2 as c from t", []),
        ("select a as b, t.b from t", []),
        ("select a as b, b(1) from t", []),
        ("select a as b, (select b from u) from t", []),
        ("select a as b, c as b from t", []),
        ("select a b from t where b > 1", ["b"]),
        ("select a + 1 as b, 2 as c from t where t.b > 1 and b in (select c from u)", ["b"]),
        ("select b from t where b > 1", []),
        ("select a as b, c as b from t where b > 1", []),
        ("select a as b from t group by b having b > 1", []),
        ("select a as date from t where x > date '2020-01-01' and y::date > z", []),
        ("select x::date as date, date + 1 as n, y::date as z from t", ["date"]),
        ("select (select x as y, y as z from u) from t", ["y"]),
        ("with q as (select 1 as o, o + 1 as p) select p as r, r + 1 from q", ["o", "r"]),
        ("select case when a then 1 else 2 end, 1 as x from t", []),
        ("select a is distinct from b as q, q from t", ["q"]),
        ("select trim(a) as a, upper(a) as b, a || 'c' as a, a as d from t", []),
        ("select b as a, trim(a) as a, a as c from t", ["a", "a"]),
        ("select f(z) as x, x from g() c(y int, x varchar)", []),
        ("select f(z) as x, x from g() as c(y int, x varchar(9))", []),
        ("select f(z) as x, x from g(x) as c(y int, z varchar)", ["x"]),
        ("select f(z) as x, x from (select z) as c(y) join u on (x)", ["x"]),
    ],
)
def test_what_may_be_a_lateral_alias(sql: str, aliases: list[str]) -> None:
    assert [use.alias for use in lateral_uses(sql)] == aliases


def put_in(sql: str, alias: str) -> str:
    return substitute(sql, [use for use in lateral_uses(sql) if use.alias == alias])


def test_substitution_puts_the_value_in_parentheses() -> None:
    sql = "select a + 1 as b, b * b as c, c - b as d from t order by b"
    once = put_in(sql, "b")
    assert once == "select a + 1 as b, (a + 1) * (a + 1) as c, c - (a + 1) as d from t order by b"
    assert put_in(once, "c") == (
        "select a + 1 as b, (a + 1) * (a + 1) as c, ((a + 1) * (a + 1)) - (a + 1) as d "
        "from t order by b"
    )
    assert put_in(sql, "zzz") == sql
    assert put_in("select x::date as date, date + 1 as n, y::date from t", "date") == (
        "select x::date as date, (x::date) + 1 as n, y::date from t"
    )
    assert put_in("select a + 1 as b from t where b > 2 or t.b > 2", "b") == (
        "select a + 1 as b from t where (a + 1) > 2 or t.b > 2"
    )
