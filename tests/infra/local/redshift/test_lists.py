"""EXCLUDE, object unpivoting, GROUPING_ID, and what the guide's SELECT does not have."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow


@pytest.fixture
def tables(schema: Schema) -> Schema:
    schema.run("create table t (a int, b varchar(9), c numeric(4,2), j super)")
    schema.run("""insert into t select 1, 'x', 1.5, json_parse('{"k":1,"l":{"m":"n"}}')""")
    schema.run("insert into t values (2, 'y', 2.5, null)")
    schema.run("create table u (a int, d int)")
    schema.run("insert into u values (1, 10), (2, 20)")
    return schema


@pytest.mark.parametrize(
    ("query", "columns", "first"),
    [
        ("select * exclude j, b from t order by a", ["a", "c"], (1, "1.50")),
        ("select * exclude (J, b) from t order by a", ["a", "c"], (1, "1.50")),
        (
            "select t.*, u.* exclude (j, a) from t join u on t.a = u.a order by d",
            ["b", "c", "d"],
            ("x", "1.50", 10),
        ),
        ("select u.*, b from t join u on t.a = u.a order by 1", ["a", "d", "b"], (1, 10, "x")),
        ("select *, a + 1 as e exclude (j, b) from t order by 1", ["a", "c", "e"], (1, "1.50", 2)),
        ("select * exclude (d) from t natural join u order by 1", ["a", "b", "c", "j"], None),
        ("with w as (select a, b from t) select * exclude b from w order by 1", ["a"], (1,)),
        ("select * exclude x from (select a as x, b as y from t) order by 1", ["y"], ("x",)),
        ("select a exclude from t order by 1", ["exclude"], (1,)),
    ],
)
def test_exclude(
    tables: Schema, query: str, columns: list[str], first: tuple[object, ...] | None
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_EXCLUDE_list.html"""
    cursor = tables.connection.execute(query)
    assert [column.name for column in cursor.description or []] == columns
    row = cursor.fetchone() or ()
    if first is not None:
        assert tuple(str(v) if hasattr(v, "as_tuple") else v for v in row) == first


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ("select * exclude z from t", "42703"),
        ("select * exclude (a + 1) from t", "42601"),
        ("select * exclude (a, b, c, j) from t", "42601"),
        ("select a, * exclude (a) from t", "0A000"),
        ("create view v as select * exclude a from {0}.t with no schema binding", "0A000"),
    ],
)
def test_what_cannot_be_excluded(tables: Schema, query: str, state: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        tables.run(query.format(tables.name))
    assert caught.value.sqlstate == state


def test_exclude_in_views_and_tables(tables: Schema) -> None:
    tables.run(f"create view v as select * exclude (j) from {tables.name}.t")
    tables.run("create table w as select * exclude (b, c, j) from t")
    assert tables.run("select * from v order by a")[0][:2] == (1, "x")
    assert tables.run("select * from w order by a") == [(1,), (2,)]


def test_object_unpivoting(tables: Schema) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/query-super.html, "Object unpivoting"."""
    pairs = "select t.a, k, v, json_typeof(v) from t, unpivot t.j as v at k order by k"
    assert tables.run(pairs) == [(1, "k", "1", "number"), (1, "l", '{"m":"n"}', "object")]
    assert tables.run("select v from t, unpivot t.j.l as v") == [('"n"',)]
    nested = "select o.k::int from t as s, unpivot s.j as v at k, (select 5 as k) o where k = 'k'"
    with pytest.raises(psycopg.errors.AmbiguousColumn):
        tables.run(nested)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="no object"):
        tables.run("select v from t, unpivot t.j.k as v at n")


def test_grouping_id_is_grouping(tables: Schema) -> None:
    """r_GROUP_BY_aggregation-extensions: GROUPING and its alias GROUPING_ID."""
    found = tables.run(
        "select a, d, grouping(a, d), grouping_id(a, d) from u group by cube(a, d) order by 3, 1, 2"
    )
    assert [(row[2], row[3]) for row in found] == [(0, 0)] * 2 + [(1, 1)] * 2 + [(2, 2)] * 2 + [
        (3, 3)
    ]


@pytest.mark.parametrize("name", ["stddev", "stddev_samp", "stddev_pop", "variance", "var_pop"])
def test_deviations_are_double_precision(tables: Schema, name: str) -> None:
    """r_STDDEV_functions and r_VARIANCE_functions: whatever the argument's type."""
    cursor = tables.connection.execute(
        f"select {name}(a), {name}(distinct c), {name}(a::float), {name}(null::int) from t"
    )
    assert [column.type_code for column in cursor.description or []] == [701] * 4
    row = cursor.fetchone()
    assert row is not None
    assert (row[0], row[3]) == (row[2], None)
    assert tables.run(f"select {name}(c) over () from t")[0][0] == row[1]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select a from t fetch first 1 row only", 'syntax error at or near "fetch"'),
        ("select a from t order by a fetch next 2 rows only", 'syntax error at or near "fetch"'),
        (
            "select max(a) over w from t window w as (order by a)",
            'syntax error at or near "window"',
        ),
        ("select count(*) as n from t group by b having n > 0", 'column "n" does not exist'),
        ("select a as n from t order by n + 1", 'column "n" does not exist'),
        (
            "select a from t start with a = 1 connect by prior a = c",
            "A hierarchical query (CONNECT BY) is not supported by the local Redshift gateway",
        ),
    ],
)
def test_what_select_does_not_have(tables: Schema, query: str, message: str) -> None:
    """r_SELECT_synopsis has no FETCH and no WINDOW clause; CONNECT BY is refused.

    r_HAVING_clause takes no aliases, r_ORDER_BY_clause no expressions of them.
    """
    with pytest.raises(psycopg.Error) as caught:
        tables.run(query)
    assert caught.value.diag.message_primary == message


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("power(2.5, 2)", 6.25),
        ("pow(10.0, 2) / 3", 100 / 3),
        ("sqrt(16.00) / 3", 4 / 3),
        ("exp(0.0)", 1.0),
        ("log(100.0)", 2.0),
        ("sqrt('16')", 4.0),
        ("round(sqrt(16.4))", 4.0),
    ],
)
def test_mathematics_is_double_precision(schema: Schema, call: str, value: float) -> None:
    """r_POWER, r_SQRT, r_EXP and r_LOG: whatever the argument's type."""
    cursor = schema.connection.execute(f"select {call} as found")
    assert [column.type_code for column in cursor.description or []] == [701]
    assert cursor.fetchall() == [(value,)]
    with pytest.raises(psycopg.errors.UndefinedFunction):
        schema.run("select log(2.0, 8.0)")


@pytest.mark.parametrize(
    "call", ["checksum(1)", "array_position(array(1), 1)", "text_to_int_alt('5-')", "hll(1)"]
)
def test_functions_that_only_redshift_has_are_said_so(schema: Schema, call: str) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction) as caught:
        schema.run(f"select {call}")
    assert caught.value.diag.message_detail == (
        "Redshift has this function, the local gateway has not."
    )


def test_interval_literals_of_months_and_days(schema: Schema) -> None:
    """r_interval_data_types; what has parts of both kinds is refused."""
    for literal, shown in (
        ("'1-2' year to month", "1 year 2 mons"),
        ("'23' month", "1 year 11 mons"),
        ("'-2' day", "-2 days"),
        ("'13 day 1 hour 1 minute 1.123 seconds' minute", "13 days 01:01:00"),
        ("'1 12:00:00' day to second", "1 day 12:00:00"),
    ):
        assert schema.value(f"select (interval {literal})::varchar") == shown
    for literal in ("'1 year 1 day' day to second", "'1-2' day", "'1 mon 2 hours' month"):
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="months and days"):
            schema.run(f"select interval {literal}")


def test_added_columns_that_are_not_null_need_a_default(tables: Schema) -> None:
    for definition in ("e int not null", "e int not null default null"):
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="non-null default expression"):
            tables.run(f"alter table t add column {definition}")
    tables.run("alter table t add column e int default 5 not null")
    assert tables.run("select a, e from t order by a") == [(1, 5), (2, 5)]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 is distinct from 2", 'syntax error at or near "distinct"'),
        ("1 is not distinct from 2", 'syntax error at or near "distinct"'),
        ("1 between symmetric 2 and 0", 'syntax error at or near "symmetric"'),
        ("width_bucket(5, 0, 10, 2)", "function width_bucket() does not exist"),
        ("bit_length('a')", "function bit_length() does not exist"),
        ("overlay('hello' placing 'X' from 2 for 1)", "function overlay() does not exist"),
        ("json_parse('{}') -> 'a'", "operator does not exist: ->"),
        ("json_parse('{}') ->> 'a'", "operator does not exist: ->"),
        ("json_parse('{}') #> null", "operator does not exist: #>"),
        ("'a' @@ 'b'", "operator does not exist: @@"),
        ("'a' ^@ 'a'", "operator does not exist: ^@"),
        ("date_part('isoyear', getdate())", '"isoyear" is not a date part'),
        ("extract(isodow from getdate())", '"isodow" is not a date part'),
    ],
)
def test_postgres_own_expressions(schema: Schema, expression: str, message: str) -> None:
    """c_unsupported-postgresql-functions in the guide, and what came after PostgreSQL 8.0."""
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"select {expression}")
    assert caught.value.diag.message_primary == message
    assert schema.run(
        "select 3 > -1, 3 < @ -4, 5 # 1, 6 & 3, distinct_from from (select 1 as distinct_from)"
    )


def test_floats_in_super(schema: Schema) -> None:
    assert schema.value("select 2.22::float::super") == "2.22"
