"""Query constructs that PostgreSQL lacks; data and results from Redshift's developer guide."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow

D, T = datetime.date, datetime.time


def columns(schema: Schema, sql: str) -> list[str]:
    return [column.name for column in schema.connection.execute(sql).description or ()]


def test_qualify(schema: Schema) -> None:
    # r_QUALIFY_clause
    schema.run(
        "create table store_sales (ss_sold_date date, ss_sold_time time, ss_item text, "
        "ss_sales_price float)"
    )
    schema.run(
        "insert into store_sales values ('2022-01-01', '09:00:00', 'Product 1', 100.0), "
        "('2022-01-01', '11:00:00', 'Product 2', 500.0), "
        "('2022-01-01', '15:00:00', 'Product 3', 20.0), "
        "('2022-01-01', '17:00:00', 'Product 4', 1000.0), "
        "('2022-01-01', '18:00:00', 'Product 5', 30.0), "
        "('2022-01-02', '10:00:00', 'Product 6', 5000.0), "
        "('2022-01-02', '16:00:00', 'Product 7', 5.0)"
    )
    after_noon = (
        "select * from store_sales ss where ss_sold_time > time '12:00:00' qualify row_number() "
        "over (partition by ss_sold_date order by ss_sales_price desc) <= 2 order by 3"
    )
    assert schema.run(after_noon) == [
        (D(2022, 1, 1), T(17), "Product 4", 1000.0),
        (D(2022, 1, 1), T(18), "Product 5", 30.0),
        (D(2022, 1, 2), T(16), "Product 7", 5.0),
    ]
    assert columns(schema, after_noon) == [
        "ss_sold_date",
        "ss_sold_time",
        "ss_item",
        "ss_sales_price",
    ]
    # An alias of the select list, an order that is no output column, LIMIT.
    assert schema.run(
        "select ss_item, row_number() over (partition by ss_sold_date order by ss_sales_price) "
        "as rn from store_sales as s qualify rn = 1 order by ss_sales_price desc limit 1"
    ) == [("Product 3", 1)]
    # After GROUP BY and HAVING, before DISTINCT.
    assert schema.run(
        "select ss_sold_date, max(ss_sales_price) from store_sales group by 1 "
        "having count(*) > 1 qualify rank() over (order by max(ss_sales_price)) = 1"
    ) == [(D(2022, 1, 1), 1000.0)]
    assert schema.run(
        "select distinct ss_sold_date from store_sales x "
        "qualify row_number() over (order by ss_item) < 4"
    ) == [(D(2022, 1, 1),)]
    # In a CTE, a view and a table; several stars; the helper columns stay inside.
    schema.run(
        "create view v as with latest as (select s.*, o.ss_item as other from store_sales s "
        "join store_sales o on o.ss_item = s.ss_item "
        "qualify row_number() over (order by s.ss_item desc) = 1) select * from latest"
    )
    schema.run("create table t as select * from v as x qualify count(*) over () = 1")
    assert columns(schema, "select * from t") == [
        "ss_sold_date",
        "ss_sold_time",
        "ss_item",
        "ss_sales_price",
        "other",
    ]
    assert schema.run("select other from t") == [("Product 7",)]
    # `*` over USING has the merged column once.
    merged = (
        "select * from t join (select ss_item, 1 as one from store_sales) o using (ss_item) "
        "qualify row_number() over (order by t.other) = 1"
    )
    assert columns(schema, merged) == [
        "ss_item",
        "ss_sold_date",
        "ss_sold_time",
        "ss_sales_price",
        "other",
        "one",
    ]
    assert schema.run("select top 2 ss_item from store_sales order by ss_item desc") == [
        ("Product 7",),
        ("Product 6",),
    ]


def test_pivot_and_unpivot(schema: Schema) -> None:
    # r_FROM_clause-pivot-unpivot-examples
    schema.run(
        "create table part (partname varchar, manufacturer varchar, quality int, "
        "price decimal(12, 2))"
    )
    schema.run(
        "insert into part values ('prop', 'local parts co', 2, 10.00), "
        "('prop', 'big parts co', null, 9.00), ('prop', 'small parts co', 1, 12.00), "
        "('rudder', 'local parts co', 1, 2.50), ('rudder', 'big parts co', 2, 3.75), "
        "('rudder', 'small parts co', null, 1.90), ('wing', 'local parts co', null, 7.50), "
        "('wing', 'big parts co', 1, 15.20), ('wing', 'small parts co', null, 11.80)"
    )
    by_name = (
        "select * from (select partname, price from part) "
        "pivot (avg(price) for partname in ('prop', 'rudder', 'wing'))"
    )
    assert columns(schema, by_name) == ["prop", "rudder", "wing"]
    ((prop, rudder, wing),) = schema.run(by_name)
    assert [int(price * 100) for price in (prop, rudder, wing)] == [1033, 271, 1150]
    quality = (
        "select * from (select quality, manufacturer from part) "
        "pivot (count(*) {} for quality in {}) order by manufacturer"
    )
    counts = [("big parts co", 1, 1, 1), ("local parts co", 1, 1, 1), ("small parts co", 1, 0, 2)]
    plain = quality.format("", "(1, 2, null)")
    assert (columns(schema, plain), schema.run(plain)) == (
        ["manufacturer", "1", "2", "null"],
        counts,
    )
    named = quality.format("as count", "(1 as high, 2 as low, null as na)")
    assert columns(schema, named) == ["manufacturer", "high_count", "low_count", "na_count"]
    assert schema.run(named) == counts
    # Over a table and a CTE, whose columns PostgreSQL is asked for.
    assert schema.run(
        "with p as (select * from part where price > 9) select * from p "
        "pivot (max(price) as m for quality in (1 as one, 2 as two)) as q "
        "where one_m is not null order by partname"
    ) == [
        ("prop", "small parts co", Decimal("12.00"), None),
        ("wing", "big parts co", Decimal("15.20"), None),
    ]

    schema.run("create table count_by_color (quality varchar, red int, green int, blue int)")
    schema.run(
        "insert into count_by_color values ('high', 15, 20, 7), ('normal', 35, null, 40), "
        "('low', 10, 23, null)"
    )
    unpivot = "select * from {} unpivot {} (cnt for color in ({})) order by 1, 2"
    some = unpivot.format("(select red, green, blue from count_by_color)", "", "red, green, blue")
    assert columns(schema, some) == ["color", "cnt"]
    assert sorted(schema.run(some.partition(" order")[0])) == [
        ("blue", 7),
        ("blue", 40),
        ("green", 20),
        ("green", 23),
        ("red", 10),
        ("red", 15),
        ("red", 35),
    ]
    labelled = unpivot.format("count_by_color", "", "red as r, green as g, blue as b")
    assert columns(schema, labelled) == ["quality", "color", "cnt"]
    assert schema.run(labelled) == [
        ("high", "b", 7),
        ("high", "g", 20),
        ("high", "r", 15),
        ("low", "g", 23),
        ("low", "r", 10),
        ("normal", "b", 40),
        ("normal", "r", 35),
    ]
    nulls = unpivot.format("count_by_color", "include nulls", "red, green, blue")
    assert [row for row in schema.run(nulls) if row[2] is None] == [
        ("low", "blue", None),
        ("normal", "green", None),
    ]


def test_outer_join_operator(schema: Schema) -> None:
    # r_WHERE_oracle_outer, with fewer rows
    schema.run("create table category (catid int, catname varchar, catgroup varchar)")
    schema.run("create table event (eventid int, catid int)")
    schema.run("insert into category values (1, 'MLB', 'Sports'), (6, 'Musicals', 'Shows')")
    schema.run("insert into event values (796, 6), (797, 6), (5, 9)")
    outer = "select catname, eventid from category, event where category.catid=event.catid(+) and "
    assert schema.run(outer + "eventid(+)=796 order by 1") == [("MLB", None), ("Musicals", 796)]
    assert schema.run(outer + "eventid=796") == [("Musicals", 796)]
    assert schema.run(
        "select * from category c, event e where c.catid(+) = e.catid and e.eventid < 100"
    ) == [(None, None, None, 5, 9)]
    # Not marked in every condition between the two: an inner join.
    assert (
        schema.run(
            "select e.eventid from event e, category c "
            "where e.catid = c.catid(+) and e.eventid < c.catid + 790"
        )
        == []
    )
    assert schema.run(
        "select c.catname, e.eventid, x.eventid from category c, event e, event x "
        "where c.catid = e.catid(+) and e.eventid = x.eventid(+) and x.eventid(+) > 796 order by 2"
    ) == [("Musicals", 796, None), ("Musicals", 797, 797), ("MLB", None, None)]


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("lag(v ignore nulls) over (order by i)", [None, None, 5, 5, 7]),
        ("lag(v, 2) ignore nulls over (order by i)", [None, None, None, None, 5]),
        ("lead(v) ignore nulls over (order by i)", [5, 7, 7, None, None]),
        ("lead(v, 2) ignore nulls over (order by i)", [7, None, None, None, None]),
        (
            "last_value(v ignore nulls) over (order by i rows unbounded preceding)",
            [None, 5, 5, 7, 7],
        ),
        (
            "first_value(v) ignore nulls over (partition by 1 order by i "
            "rows between 1 preceding and 1 following)",
            [5, 5, 5, 7, 7],
        ),
        (
            "nth_value(v, 2) ignore nulls over (order by i "
            "rows between unbounded preceding and unbounded following)",
            [7, 7, 7, 7, 7],
        ),
        ("first_value(v) respect nulls over (order by i rows unbounded preceding)", [None] * 5),
        ("lag(v) respect nulls over (order by i)", [None, None, 5, None, 7]),
    ],
)
def test_ignore_nulls(servers: Servers, call: str, values: list[int | None]) -> None:
    with servers.psycopg() as connection:
        rows = connection.execute(
            f"select {call} from (select 1 as i, null::int as v union all select 2, 5 "
            "union all select 3, null union all select 4, 7 union all select 5, null) x order by i"
        ).fetchall()
    assert [row[0] for row in rows] == values


def test_ignore_nulls_follows_the_order_and_takes_no_time(schema: Schema) -> None:
    schema.run("create table few (k int, g int, v int)")
    schema.run(
        "insert into few values (1, 1, 10), (2, 1, null), (null, 1, 30), (3, 1, 40), (4, 2, null)"
    )
    window = "over (partition by nvl2(g, g, 0) order by abs(k) desc nulls last, g)"
    assert schema.run(
        f"select k, lead(v) ignore nulls {window}, lead(v, 2) ignore nulls {window} "
        "from few order by g, k"
    ) == [(1, 30, None), (2, 10, 30), (3, 10, 30), (None, None, None), (4, None, None)]
    frame = "order by k nulls first rows between"
    assert schema.run(
        "select k, "
        f"first_value(v) ignore nulls over ({frame} 1 following and unbounded following), "
        f"last_value(v) ignore nulls over ({frame} current row and unbounded following), "
        f"nth_value(v, 2) ignore nulls over ({frame} 1 preceding and unbounded following), "
        f"first_value(v) ignore nulls over ({frame} 1 preceding and 1 preceding) "
        "from few order by k nulls first"
    ) == [
        (None, 10, 40, 10, None),
        (1, 40, 40, 10, 30),
        (2, 40, 40, 40, 10),
        (3, None, 40, None, None),
        (4, None, None, None, 40),
    ]
    # Ten thousand rows of one partition: quadratic work took minutes.
    ten = " union all ".join(["select 1 as x"] * 10)
    schema.run(
        "create table many as select i as k, case when i % 100 = 0 then i end as v from (select "
        f"row_number() over () as i from ({ten}) a cross join ({ten}) b cross join ({ten}) c "
        f"cross join ({ten}) d) q"
    )
    schema.run("set statement_timeout to 5000")
    assert schema.run(
        "select sum(a), sum(b), sum(c) from (select lead(v) ignore nulls over (order by k) as a, "
        "lead(v, 2) ignore nulls over (order by k) as b, first_value(v) ignore nulls over "
        "(order by k rows between current row and unbounded following) as c from many) q"
    ) == [(50_499_900, 50_489_800, 50_500_000)]


def test_windows_need_frames_of_rows(servers: Servers) -> None:
    # r_Window_function_synopsis
    source = "from (select 1 as i, 2 as v) x"
    messages: list[Any] = []
    with servers.psycopg() as connection:
        for over in ("order by i", "order by i range unbounded preceding"):
            with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
                connection.execute(f"select sum(v) over ({over}) {source}")
            messages.append(caught.value.diag.message_primary)
        framed = f"select sum(v) over (order by i rows unbounded preceding) {source}"
        assert connection.execute(framed).fetchone() == (2,)
    assert messages == [
        "Aggregate window functions with an ORDER BY clause require a frame clause",
        "RANGE window frame is not supported",
    ]
