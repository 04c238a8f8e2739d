"""NUMERIC: the scale and precision of computed values, AVG, and what is too large."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow

OVERFLOW = r"Numeric data overflow \(result precision\)"


@pytest.fixture
def sales(schema: Schema) -> Schema:
    schema.run("create table sales (pricepaid decimal(8,2), qty smallint, n bigint, f float8)")
    schema.run("insert into sales values (100.01, 3, 7, 2), (200.02, 7, 2, 4), (99.99, 9, 2, 8)")
    return schema


def test_division_has_the_guides_scale_and_is_cut(sales: Schema) -> None:
    assert sales.run("select 7 / 2, 10.0 / 3, 2.0 / 3.0, -2.0 / 3.0, 7 / 2::float") == [
        (3, Decimal("3.333333333333"), Decimal("0.6666"), Decimal("-0.6666"), 3.5)
    ]
    assert sales.run(
        "select pricepaid / qty as a, n / qty as b, pricepaid / f as c, sum(pricepaid) over () / 7 "
        "from sales where qty = 7"
    ) == [(Decimal("28.57428571"), 0, 50.005, Decimal("28.5742"))]
    # Famous: a sum by a count keeps four digits.
    assert sales.value("select sum(pricepaid) / count(*) from sales") == Decimal("133.3400")
    assert sales.value("select sum(qty) * 100.0 / 7 from sales") == Decimal("271.428571428571")


def test_types_travel_through_queries_and_views(sales: Schema) -> None:
    query = (
        "with lines as (select *, pricepaid * qty as total from sales), "
        "totals as (select sum(total) as total, count(*) as rows from lines) "
        "select total / rows as mean from totals"
    )
    assert sales.value(query) == Decimal("866.6933")
    name = sales.name
    sales.run(
        f"create view late as select pricepaid / 3 as third from {name}.sales "
        "with no schema binding"
    )
    sales.run("create view bound as select pricepaid, qty from sales")
    assert sales.value("select max(third / 7.0) from late") == Decimal("9.52476190476190")
    assert sales.value("select max(pricepaid / qty) from bound") == Decimal("33.33666666")
    sales.run(
        "create table made as "
        "select pricepaid / qty as a, avg(pricepaid) as b from sales group by 1"
    )
    assert sales.run(
        "select column_name, numeric_precision, numeric_scale from svv_columns "
        "where table_name = 'made' and table_schema = current_schema() order by 1"
    ) == [("a", 14, 8), ("b", 38, 2)]


def test_questions_about_types_leave_the_transaction_whole(sales: Schema) -> None:
    with sales.connection.transaction():
        sales.run("create temporary table t as select pricepaid from sales")
        assert sales.value("select max(pricepaid / 3) from t") == Decimal("66.6733333333333")
        sales.run("insert into sales values (1.00, 1, 1, 1)")
    assert sales.value("select count(*) from sales") == 4
    with pytest.raises(psycopg.errors.UndefinedColumn, match="nothere"):
        sales.run("select pricepaid / nothere from sales")
    with pytest.raises(psycopg.errors.UndefinedTable):
        sales.run("select pricepaid / 2 from nowhere")


def test_avg_of_numeric_keeps_the_scale_and_is_cut(sales: Schema) -> None:
    assert sales.run(
        "select avg(pricepaid), avg(qty), avg(n), avg(f), avg(distinct pricepaid), avg(-pricepaid) "
        "from sales"
    ) == [(Decimal("133.34"), 6, 3, 14 / 3, Decimal("133.34"), Decimal("-133.34"))]
    assert sales.run(
        "select avg(pricepaid) over (order by qty rows unbounded preceding) from sales order by qty"
    ) == [(Decimal("100.01"),), (Decimal("150.01"),), (Decimal("133.34"),)]
    assert sales.run("select avg(pricepaid) from sales where qty = 0") == [(None,)]
    # Twenty digits, and a share just below the next one.
    sales.run("create table w (a numeric(38,2))")
    sales.run("insert into w values (999999999999999999999.99), (999999999999999999999.98)")
    assert sales.value("select avg(a) from w") == Decimal("999999999999999999999.98")


def test_what_is_too_large_is_refused_with_redshifts_error(sales: Schema) -> None:
    for sql in (
        "select 123456.78::decimal(7,3)",
        "insert into sales (pricepaid) values (1234567.89)",
        "select 99999999999999999999999999999999999999::numeric(38,0) / 0.1",
        "create table large as select 9999999999999999999999::numeric(38,0) "
        "* 9999999999999999999999::numeric(38,0) as a",
    ):
        with pytest.raises(psycopg.errors.NumericValueOutOfRange, match=OVERFLOW):
            sales.run(sql)


def test_explicit_casts_of_tables_values_are_cut(sales: Schema) -> None:
    """The examples of r_enable_numeric_rounding and r_Numeric_types201, and what is around them."""
    sales.run("create table t (a numeric(10,2), f float8, v varchar)")
    sales.run("insert into t values (1.5, 2.675, '1.239')")
    casts = "select a::int, a::decimal(10,0), a::decimal(10,5), cast(a as bigint) from t"
    cut = [(1, Decimal(1), Decimal("1.50000"), 1)]
    assert sales.run(casts) == cut
    sales.run("set enable_numeric_rounding to on")
    assert sales.run(casts) == [(2, Decimal(2), Decimal("1.50000"), 2)]
    sales.run("set enable_numeric_rounding to off")
    assert sales.run(casts) == cut
    # Floats, texts and constants are rounded, and what is inserted.
    assert sales.run(
        "select f::int, f::numeric(10,2), v::numeric(10,2), 1.6::int, "
        "cast(1.239 as decimal(10,2)), '1.235'::numeric(10,2), -1.5::smallint, "
        "try_cast(1.6 as int), round(a)::int from t"
    ) == [(3, Decimal("2.68"), Decimal("1.24"), 2, Decimal("1.24"), Decimal("1.24"), -2, 2, 2)]
    sales.run("create table s (pricepaid decimal(8,2), n int)")
    sales.run("insert into s values (4323.8951, 1.5)")
    sales.run("insert into s select 4323.8951::numeric(8,4), a from t")
    assert sales.run("select pricepaid, n from s") == [(Decimal("4323.90"), 2)] * 2
    sales.run("create table made as select a::decimal(8,1) as x, f::decimal(9,3) as y from t")
    assert sales.run(
        "select numeric_precision, numeric_scale from svv_columns "
        "where table_name = 'made' and table_schema = current_schema() order by column_name"
    ) == [(8, 1), (9, 3)]


def test_division_has_its_scale_in_what_is_written(sales: Schema) -> None:
    sales.run("create table r (a numeric(38,20), b smallint)")
    sales.run("insert into r values (10.0 / 3, 7)")
    assert sales.run("select a from r") == [(Decimal("3.333333333333").quantize(Decimal("1e-20")),)]
    third = Decimal("28.57428571").quantize(Decimal("1e-20"))
    for sql in (
        "update r set a = s.pricepaid / s.qty from sales as s where s.qty = r.b",
        "merge into r using sales as s on r.b = s.qty when matched then update set "
        "a = s.pricepaid / s.qty when not matched then insert values (s.n / s.pricepaid, 0)",
    ):
        sales.run("update r set a = 0")
        sales.run(sql)
        assert sales.run("select a from r where b = 7") == [(third,)], sql
    assert sales.value("select count(*) from r where b = 0") == 2
    sales.run("delete r where r.a / 3.000 > 9.524761905")  # 9.5247619033 or 9.5247619
    sales.run(
        "delete from r using sales s where r.b = s.qty and s.pricepaid / s.qty > 28.574285711"
    )
    assert sales.value("select count(*) from r where b = 7") == 1


def test_what_differs(sales: Schema) -> None:
    """Intermediate results are not bounded; unknown types divide as in PostgreSQL."""
    wide = "9999999999999999999999::numeric(38,0)"
    assert sales.value(f"select length(({wide} * {wide})::text)") == 44
    with sales.connection.cursor() as cursor:
        cursor.execute("select 10.00 / %s", (3,), prepare=True)
        assert cursor.fetchone() == (Decimal("3.3333333333333333"),)
