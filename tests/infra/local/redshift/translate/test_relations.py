from __future__ import annotations

import pytest

from infra.local.redshift.translate.lexer import tokenize
from infra.local.redshift.translate.relations import find_relations
from infra.local.redshift.translate.views import expand


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", []),
        ("select * from a", ["a"]),
        ("select * from S.A x, b as y join c using (i), d", ["s.a", "b", "c", "d"]),
        ('select * from "Db"."S"."T" where x in (select y from u)', ["db.s.t", "u"]),
        ("with q as (select 1 from r) select * from q join s on true", ["r", "s"]),
        (
            "with recursive q(a) as (select 1 from r union all select a from q) select * from q",
            ["r"],
        ),
        ("select extract(day from d), trim(both from x), substring(x from 2) from t", ["t"]),
        ("select a is distinct from b from t", ["t"]),
        ("select * from f(1) x, t", ["t"]),
        ("select * from (a join b on a.i = b.i) cross join (select * from c) z", ["a", "b", "c"]),
        ("insert into t (a, b) select x from u", ["t", "u"]),
        ("insert into t values (1, 2)", ["t"]),
        ("update t set a = u.b from u where t.i = u.i", ["t", "u"]),
        ("delete from t using u where t.i = u.i", ["t", "u"]),
        ("merge into t using u on t.i = u.i when matched then update set a = 1", ["t", "u"]),
        ("create table x as select * from y", ["y"]),
        ("select (select max(i) from t) from u", ["t", "u"]),
        ("select * from t left join lateral (select 1 from v) w on true", ["t", "v"]),
        ("select a from t group by a, b order by c, d", ["t"]),
    ],
)
def test_references(sql: str, expected: list[str]) -> None:
    assert [".".join(r.parts) for r in find_relations(tokenize(sql))] == expected


def test_written_tables_are_no_sources() -> None:
    relations = find_relations(tokenize("delete from t using u where exists (select 1 from t)"))
    assert [(r.name, r.source) for r in relations] == [("t", False), ("u", True), ("t", True)]


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("select v.a from s.v", 'select v.a from (select 1 as a) as "v"'),
        ("select x.a from s.v x", "select x.a from (select 1 as a) x"),
        ("select 1 from s.v as x, s.t", "select 1 from (select 1 as a) as x, s.t"),
        ("select 1 from s.v where a > 0", 'select 1 from (select 1 as a) as "v" where a > 0'),
        ("insert into s.v values (1)", "insert into s.v values (1)"),
    ],
)
def test_late_binding_views_are_put_in(sql: str, expanded: str) -> None:
    assert expand(sql, {'"s"."v"': "select 1 as a"})[0] == expanded
