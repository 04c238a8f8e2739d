"""What the constructs refuse and how they name it; that positions lead back."""

from __future__ import annotations

import pytest

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.columns import NeedsColumns
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.statement import split, translate


def plan(sql: str, context: Context = Context()) -> Plan:  # noqa: B008 frozen
    (tokens,) = split(sql)
    return translate(sql, tokens, context)


def failure(sql: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        plan(sql)
    return caught.value


@pytest.mark.parametrize(
    ("redshift", "postgres"),
    [
        ("select top 5 a from t order by a", "select a from t order by a limit 5"),
        (
            "select top 5 a from t union all select b from u order by 1",
            "(select a from t limit 5) union all select b from u order by 1",
        ),
        ("select top 5 a from t offset 2", "select a from t limit 5 offset 2"),
        ("select top, 5 from t", "select top, 5 from t"),
        ("select s.qualify, x as top from s", "select s.qualify, x as top from s"),
        (
            "select 1 from sales, listing where sales.id = listing.id(+)",
            "select 1 from sales left join listing on (sales.id = listing.id) ",
        ),
        (
            "select * from a, b where a.x(+) = b.x and b.y between 1 and 2 and b.z = 3",
            'select "a".*, "b".* from b left join a on (a.x = b.x) '
            "where b.y between 1 and 2 and b.z = 3",
        ),
        (
            "select 1 from a, b, c where a.x = b.x(+) and b.y = c.y(+) and a.z > 3",
            "select 1 from a left join (b left join c on (b.y = c.y)) on (a.x = b.x) where a.z > 3",
        ),
    ],
)
def test_rewrites(redshift: str, postgres: str) -> None:
    assert plan(redshift).sql == postgres


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select top 5 a from t limit 5", "TOP and LIMIT cannot stand together"),
        # A relation directly before QUALIFY needs an alias.
        ("select * from t qualify true", 'syntax error at or near "qualify"'),
        ("select * from t as x qualify", "syntax error: QUALIFY without a condition"),
        (
            "select 1 from a, b where a.x(+) = b.x or a.y = 2",
            "Outer join operator (+) not allowed in operand of OR or IN.",
        ),
        (
            "select 1 from a join b on true where a.x(+) = b.x",
            'Old style outer join operator "(+)" cannot be specified in a query block that also '
            "contains FROM clause join syntax",
        ),
        (
            "select 1 from a, b, c where a.x(+) = b.x and a.y(+) = c.y",
            "A table may be outer joined to at most one other table",
        ),
        ("select * from t pivot (x for y in (1))", None),
        (
            "select * from (select a, b from t) pivot (sum(a) + 1 for b in (1))",
            "PIVOT takes one call of COUNT, SUM, MIN, MAX or AVG",
        ),
        (
            "select * from (select a, b from t) pivot (sum(a) b in (1))",
            'syntax error at or near ")"',
        ),
        (
            "merge into t using t on t.a = t.a remove duplicates",
            "Source and target of a Merge statement cannot be the same table.",
        ),
        (
            "merge into t using (select * from t) s on t.a = s.a remove duplicates",
            "Source view/subquery in Merge statement cannot reference target table.",
        ),
        ("merge into t x using s on x.a = s.a remove duplicates", 'syntax error at or near "x"'),
        (
            "merge into t using s on t.a = s.a when matched and t.b then delete "
            "when not matched then insert values (1)",
            'syntax error at or near "and"',
        ),
        (
            "merge into t using s on t.a = s.a when matched then delete",
            "syntax error at end of input",
        ),
        (
            "select lag(x, 1, 0) over (order by y) from t",
            "function lag() does not take these arguments",
        ),
    ],
)
def test_errors_are_redshifts(sql: str, message: str | None) -> None:
    if message is None:
        with pytest.raises(NeedsColumns):
            plan(sql)
        return
    assert failure(sql).message == message


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select 1 from a, b where a.x = 3 and a.y(+) = 1", "(+) without a join condition"),
        (
            "select 1 from a, b, c where a.x(+) = y",
            "(+) in a condition whose tables are not certain",
        ),
        ("select 1 from a where outside.x(+) = a.x", "(+) with a table of an outer query"),
        ("update t set a = b(+)", "The outer join operator (+) outside WHERE"),
        (
            "select * from (select a, b from t) pivot (sum(a) for b in (1 + 1))",
            "PIVOT over a value that is no constant and has no alias",
        ),
        (
            "select lag(x, n) ignore nulls over (order by y) from t",
            "LAG IGNORE NULLS over a computed offset",
        ),
    ],
)
def test_what_is_not_certain_is_refused(sql: str, names: str) -> None:
    error = failure(sql)
    assert error.message == f"{names} is not supported by the local Redshift gateway"
    assert error.detail == f"Statement: {sql}"


def test_columns_are_asked_for_with_the_definitions_in_sight() -> None:
    sql = (
        "with a as (select 1 as x), b as (with hidden as (select 2) select * from a where x = $1) "
        "select * from b pivot (sum(x) for y in (1))"
    )
    with pytest.raises(NeedsColumns) as caught:
        plan(sql)
    query = caught.value.query
    assert query == (
        "with a as (select 1 as x), b as (with hidden as (select 2) select * from a "
        "where x = null) select * from b"
    )
    known = Context(columns=((query, ("x", "y", "z")),))
    assert plan(sql, known).sql.endswith(
        'select * from (select "z", sum(x) filter (where "y" = 1) as "1" from b group by "z")'
    )


def test_positions_lead_back_through_the_rewrites() -> None:
    sql = "select top 5 a, nvl(b, bogus) from t x qualify row_number() over (order by wrong) = 1"
    found = plan(sql)
    assert found.original == sql
    assert found.to_original is not None
    assert found.to_original(found.sql.index("bogus")) == sql.index("bogus")
    # A refusal after the rewrites shows the client's statement and place.
    sql = "select top 5 a, b::geometry from t x qualify true"
    error = failure(sql)
    assert (error.position, error.detail) == (sql.index("geometry") + 1, f"Statement: {sql}")
