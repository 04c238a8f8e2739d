from __future__ import annotations

import pytest

from infra.local.redshift.translate.result import Context
from infra.local.redshift.translate.statement import split, translate


def translated(sql: str, **options: bool) -> str:
    (tokens,) = split(sql)
    return translate(sql, tokens, Context(**options)).sql


@pytest.mark.parametrize(
    ("redshift", "postgres"),
    [
        # The first part is a source, a schema, or a column.
        ("select t.a.b as x from t", "select pg_internal.super_get(t.a, 'b') as x from t"),
        ("select a.b as x from t", "select pg_internal.super_get(a, 'b') as x from t"),
        ("select s.t.a as x from s.t", "select s.t.a as x from s.t"),
        (
            "select s.t.a.b as x from s.t",
            "select pg_internal.super_get(s.t.a, 'b') as x from s.t",
        ),
        ("select t.a, u.b from t, s.u", "select t.a, u.b from t, s.u"),
        # … also of an outer query, and of UPDATE and DELETE.
        (
            "select 1 from t where exists (select 1 from u where u.x = t.y)",
            "select 1 from t where exists (select 1 from u where u.x = t.y)",
        ),
        (
            "update t set a = (select max(u.b) from u where u.c = t.c)",
            "update t set a = (select max(u.b) from u where u.c = t.c)",
        ),
        ("insert into s.t select a.b from s.u a", "insert into s.t select a.b from s.u a"),
        ("update s.t x set a = (select b from s.u)", "update s.t x set a = (select b from s.u)"),
        (
            "select top 1 t.a.b from t",
            "select pg_internal.super_get(t.a, 'b') as \"b\" from t limit 1",
        ),
        ("select q.f(1), q.f(1) as y from t", "select q.f(1), q.f(1) as y from t"),
        ("select a[0].b", "select pg_internal.super_get(pg_internal.super_at(a, 0), 'b') as \"b\""),
        (
            "select x from t where t.a.b = 'v' and t.a[1] not in ('x', 'y')",
            "select x from t where pg_internal.super_get(t.a, 'b') = 'v'::text "
            "and pg_internal.super_at(t.a, 1) not in ('x'::text, 'y'::text)",
        ),
        (
            "select o.k as k, i from t c, c.items as o at i",
            'select pg_internal.super_get("o"."o", \'k\') as k, i from t c, '
            'lateral pg_internal.super_elements_at(c.items) as "o"("o", "i")',
        ),
        ("select x::super as s", "select pg_internal.to_super((x))::super as s"),
    ],
)
def test_navigation(redshift: str, postgres: str) -> None:
    assert translated(redshift) == postgres


def test_attributes_are_lower_case_unless_names_are_case_sensitive() -> None:
    sql = 'select t.a."Key" as k from t'
    assert "'key'" in translated(sql)
    assert "'Key'" in translated(sql, case_sensitive=True)
