from __future__ import annotations

from infra.local.redshift.translate.blocks import find_blocks
from infra.local.redshift.translate.lexer import tokenize
from infra.local.redshift.translate.sources import read_from


def clauses(sql: str) -> list[dict[str, str]]:
    tokens = tokenize(sql)
    return [
        {
            name: sql[tokens[span.first].start : tokens[span.after - 1].end]
            for name, span in block.clauses.items()
            if span.after > span.first
        }
        for block in find_blocks(tokens)
    ]


def test_clauses_end_where_the_next_one_begins() -> None:
    sql = (
        "insert into t with c as (select distinct extract(day from d) as x from a where b in "
        "(select q from r) group by 1) select c.order, x is distinct from y from c "
        "order by rank() over (order by x) limit 3"
    )
    assert clauses(sql) == [
        {
            "list": "extract(day from d) as x",
            "from": "from a",
            "where": "where b in (select q from r)",
            "group": "group by 1",
        },
        {"list": "q", "from": "from r"},
        {
            "list": "c.order, x is distinct from y",
            "from": "from c",
            "order": "order by rank() over (order by x)",
            "limit": "limit 3",
        },
    ]


def test_a_set_operations_order_belongs_to_no_member() -> None:
    found = clauses("select a from t where x union all select b from u order by 1 limit 2")
    assert found == [
        {"list": "a", "from": "from t", "where": "where x"},
        {"list": "b", "from": "from u"},
    ]


def test_sources_of_a_from_clause() -> None:
    sql = (
        'select 1 from s.a, (select 2 from x) as b (c), f(1) g join (d left join "E" using (i)) '
        "on d.x = (select 1) , lateral (select 3)"
    )
    tokens = tokenize(sql)
    found = read_from(tokens, find_blocks(tokens)[0])
    assert [(source.parts, source.name) for source in found.sources] == [
        (("s", "a"), "a"),
        ((), "b"),
        (("f",), "g"),
        (("d",), "d"),
        (("e",), "e"),
        ((), None),
    ]
    assert (found.joins, found.merged) == (True, True)
