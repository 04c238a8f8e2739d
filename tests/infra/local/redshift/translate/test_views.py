from __future__ import annotations

import pytest

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.result import Context
from infra.local.redshift.translate.statement import split, translate
from infra.local.redshift.translate.views import expand


def sql_of(sql: str) -> str:
    (tokens,) = split(sql)
    return translate(sql, tokens, Context()).sql


def test_a_bound_view_stays_a_view() -> None:
    sql = "create or replace view s.v as select nvl(a, 1) as a from t"
    assert sql_of(sql) == "create or replace view s.v as select coalesce(a, 1) as a from t"


def test_a_late_binding_view_is_stored_as_its_translated_query() -> None:
    made = sql_of("create view s.v (x) as (select nvl(a, 1) from s.t) with no schema binding")
    assert 'pg_internal.create_late_binding_view(\'"s"."v"\', false, ' in made
    assert 'select * from ((select coalesce(a, 1) from s.t)) as q("x")' in made


@pytest.mark.parametrize(
    "query",
    [
        "select * from t",
        "select * from s.a join t using (i)",
        "select * from s.a where i in (select i from t)",
    ],
)
def test_unqualified_names_are_rejected(query: str) -> None:
    with pytest.raises(GatewayError) as caught:
        sql_of(f"create view s.v as {query} with no schema binding")
    assert caught.value.message == (
        "All the relation names inside should be qualified when creating "
        "VIEW WITH NO SCHEMA BINDING."
    )
    assert caught.value.detail == "Not qualified: t"


def test_common_table_expressions_need_no_schema() -> None:
    assert "with q as" in sql_of(
        "create view s.v as with q as (select 1 from s.t) select * from q with no schema binding"
    )


def test_columns_that_name_the_views_schema_lose_it() -> None:
    sql = (
        'select s.v.a, "S"."v".b, s.vv.a from s.v join s.vv on s.v.a = s.vv.a, x.s.v where a.s.v.b'
    )
    text, inner = expand(sql, {'"s"."v"': "select a, b from s.t"})
    assert text == (
        'select v.a, "v".b, s.vv.a from (select a, b from s.t) as "v" join s.vv on v.a = s.vv.a, '
        "x.s.v where a.s.v.b"
    )
    assert [one.name for one in inner] == ["t"]
    assert expand("select s.v.a from s.v as q", {'"s"."v"': "select 1"})[0] == (
        "select s.v.a from (select 1) as q"
    )
