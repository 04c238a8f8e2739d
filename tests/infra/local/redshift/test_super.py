"""SUPER: data and results from query-super and the pages of its functions in Redshift's guide."""

from __future__ import annotations

import datetime
from typing import Any

import psycopg
import pytest

from .conftest import ROLE, Lake, Schema, Servers

pytestmark = pytest.mark.slow


@pytest.fixture
def orders(schema: Schema) -> Schema:
    schema.run("create table customer (c_name varchar(20), c_orders super, data super)")
    schema.run(
        "insert into customer values ('Customer#1', json_parse("
        '\'[{"o_orderkey": 3020007, "o_orderstatus": "F", "o_lineitems": [{"k": 1.50}, {"k": 2}]},'
        ' {"o_orderkey": 4043971, "o_orderstatus": "P", "o_lineitems": []}]\'), '
        "object('type', 'click', 'n', 5, 'ok', true, 'at', '2020-01-02', 'Mixed', null))"
    )
    return schema


def test_navigation_is_lax_and_typed_by_value(orders: Schema) -> None:
    cursor = orders.connection.execute(
        "select c_orders[0].o_orderkey, c.c_orders[1].o_orderstatus, data.type::varchar, "
        'data.n::int + 1 as m, data."at"::date, c.c_orders[1][1], c.c_orders.something, '
        "c.data.type::integer, data.ok::boolean, data.MIXED, data.n + 2 as s from customer c"
    )
    assert cursor.fetchall() == [
        ("3020007", '"P"', "click", 6, datetime.date(2020, 1, 2), None, None, None, True, None, "7")
    ]
    names = [column.name for column in cursor.description or ()]
    assert names[:8] == [
        "o_orderkey",
        "o_orderstatus",
        "type",
        "m",
        "at",
        "c_orders",
        "something",
        "type",
    ]
    assert cursor.description is not None
    assert cursor.description[0].type_code == 4000
    where = "select count(*) from customer where "
    for condition, count in (
        ("c_orders[0].o_orderstatus = 'F' and data.type in ('click', 'x')", 1),
        ("data.n = 5 and data.n > 4.5 and data.n between 1 and 5 and data.ok = true", 1),
        ("data.type = 'click  '", 1),  # trailing blanks are not significant
        ("data.n = 'x' or data.type > 3 or data.n <= 'z'", 0),  # other types: false or NULL
        ("not (data.n = 'x')", 1),
        ("not (data.n <= 'z')", 0),
        ("data.type like 'cl%'", None),
    ):
        if count is None:
            with pytest.raises(psycopg.errors.UndefinedFunction):
                orders.run(where + condition)
        else:
            assert orders.run(where + condition) == [(count,)], condition
    assert orders.run(
        "select data.type, count(*) from customer group by data.type order by data.type"
    ) == [('"click"', 1)]
    orders.run("create table t as select data.type as kind, data from customer")
    assert orders.run("select t.kind, t.data.n from t") == [('"click"', "5")]
    with pytest.raises(psycopg.errors.UndefinedFunction, match="super_get"):
        orders.run("select c.c_name.first from customer c")


def test_unnesting(orders: Schema) -> None:
    assert orders.run(
        "select c.c_name, o.o_orderkey::int, idx, l.k from customer c, c.c_orders as o at idx, "
        "o.o_lineitems l order by idx"
    ) == [("Customer#1", 3020007, 0, "1.50"), ("Customer#1", 3020007, 0, "2")]
    assert orders.run(
        "select o.o_orderkey, l from customer c left join c.c_orders o on true "
        "left join o.o_lineitems l on o.o_orderkey = 4043971"
    ) == [("3020007", None), ("4043971", None)]
    assert orders.run(
        "select c_name from customer x where exists "
        "(select 1 from x.c_orders o where o.o_orderkey = 4043971)"
    ) == [("Customer#1",)]
    orders.run(
        "create table bar as select json_parse('{\"scalar_array\": [1, 2.3, 45000000]}') as data"
    )
    assert orders.run(
        "select index, element from bar as b, b.data.scalar_array as element at index"
    ) == [(0, "1"), (1, "2.3"), (2, "45000000")]
    assert orders.run("select e from bar b, b.data.nothing e") == []
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="no array"):
        orders.run("select e from bar b, b.data e")


def test_literals_written_into_super_are_json(schema: Schema) -> None:
    schema.run("create table t (v super)")
    schema.run("insert into t values ('[1]'), ('[1]'::super)")
    assert schema.run("select json_typeof(v) from t order by 1") == [("array",), ("string",)]
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        schema.run("insert into t values ('AWS')")


def test_order_among_types(schema: Schema) -> None:
    schema.run("create table r (r_nations super)")
    schema.run(
        "insert into r values ('AWS'::super), (1::super), (array(1, 'abc', null)), "
        "((-2.5)::super), ('Amazon'::super)"
    )
    # "Amazon" before "AWS" in the guide is the order of a case-insensitive comparison; bytes here.
    assert schema.run("select r_nations from r order by r_nations") == [
        ("-2.5",),
        ("1",),
        ('"AWS"',),
        ('"Amazon"',),
        ('[1,"abc",null]',),
    ]


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        # JSON_PARSE, JSON_SERIALIZE, JSON_SIZE, CAN_JSON_PARSE: order and numbers as written
        ("json_parse('[10001, 10002, \"a b\"]')", ['[10001,10002,"a b"]']),
        ('json_serialize(json_parse(\'{"b": 1.0, "a": [ ]}\'))', ['{"b":1.0,"a":[]}']),
        ("json_size(json_parse('[10001, 10002]')), can_json_parse('[1')", [13, False]),
        # JSON_EXTRACT_PATH_TEXT, JSON_EXTRACT_ARRAY_ELEMENT_TEXT, JSON_ARRAY_LENGTH
        (
            'json_extract_path_text(\'{"f2":{"f3":1},"f4":{"f5":99,"f6":"star"}}\', '
            "'f4', 'f6')",
            ["star"],
        ),
        (
            "json_extract_path_text('{\"f2\":1', 'f4', true), json_extract_path_text('{}', 'a')",
            [None, ""],
        ),
        ("json_extract_array_element_text('[111,112,113]', 2)", ["113"]),
        ('json_extract_array_element_text(\'["a",["b",1,["c",2,3]]\', 1, true)', [None]),
        ('json_array_length(\'[11,12,13,{"f1":21,"f2":[25,26]},14]\')', [5]),
        ("json_array_length('[11,12', true)", [None]),
        # IS_VALID_JSON, IS_VALID_JSON_ARRAY
        ('is_valid_json(\'{"a":2}\'), is_valid_json(\'{"a":{"b":2\')', [True, False]),
        ("is_valid_json_array('[]'), is_valid_json_array('{\"a\":4}')", [True, False]),
        # r_array, r_array_concat, r_subarray, r_split_to_array, r_get_array_length, r_array_flatten
        ("array(1, 50, null, 100), array()", ["[1,50,null,100]", "[]"]),
        ("array_concat(array(10001, 10002), array(10003, 10004))", ["[10001,10002,10003,10004]"]),
        ("subarray(array('a', 'b', 'c', 'd', 'e', 'f'), 2, 3)", ['["c","d","e"]']),
        ("split_to_array('12|345|6789', '|')", ['["12","345","6789"]']),
        ("get_array_length(array(1,2,3,4,5,6,7,8,9,10)), get_array_length(object())", [10, None]),
        ("array_flatten(array(array(1, 2), 3))", ["[1,2,3]"]),
        ("split_to_array('a,b')[1]::varchar, json_parse('{\"a\":[7]}').a[0]", ["b", "7"]),
        # JSON_TYPEOF and its kin
        (
            "json_typeof(array(1, 2)), json_typeof(object()), json_typeof(1::super), "
            "json_typeof('1'::super)",
            ["array", "object", "number", "string"],
        ),
        (
            "is_array(array()), is_object(object()), is_scalar('a'::super), "
            "is_scalar(null::super), is_varchar('a'::super), is_integer(3::super), "
            "is_smallint(40000::super), is_bigint(40000::super), is_boolean(true::super)",
            [True, True, True, False, True, True, False, True, True],
        ),
    ],
)
def test_functions(servers: Servers, sql: str, values: list[Any]) -> None:
    with servers.psycopg() as connection:
        assert connection.execute(f"select {sql}").fetchall() == [tuple(values)]


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("json_parse('{bad')", "22P02"),
        ("json_array_length('[11,12')", "22P02"),
        ("array(1)::varchar", "0A000"),
        ("json_build_object('a', 1)", "42883"),
        ("1::json", "42704"),
        ("array(select 1)", "0A000"),
    ],
)
def test_errors(servers: Servers, sql: str, sqlstate: str) -> None:
    with servers.psycopg() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(f"select {sql}")
    assert caught.value.sqlstate == sqlstate


def test_escapes_stand_for_their_characters(schema: Schema, lake: Lake) -> None:
    text = r'{"a":"\u00e9\/","b":"x\ny \"q\"","c":"\ud83d\ude00","d":"\u0001"}'
    plain = r'{"a":"é/","b":"x\ny \"q\"","c":"😀","d":"\u0001"}'
    schema.run("create table t (s super, n int)")
    schema.run("insert into t select json_parse(%s), 1", text)
    lake.put("a.txt", text.replace("\\", "\\\\") + "|2\n")
    schema.run(f"copy t from '{lake.url}/' {ROLE} escape")
    lake.put("b.json", '{"n": 3, "s": ' + text + "}")
    schema.run(f"copy t from '{lake.url}/b' {ROLE} json 'auto'")
    found = schema.run("select json_serialize(s), s.a::varchar, s.b::varchar from t order by n")
    assert found == [(plain, "é/", 'x\ny "q"')] * 3
    assert schema.value("select count(*) from t where s.a = 'é/'") == 3


def test_columns_are_listed_as_super(schema: Schema) -> None:
    schema.run("create table t (a int, s super)")
    listed = [
        schema.value("select data_type from information_schema.columns where table_schema = %s "
                     "and column_name = 's'", schema.name),
        schema.value("select data_type from svv_columns where table_schema = %s "
                     "and column_name = 's'", schema.name),
        schema.value("select type from pg_table_def where tablename = 't' and \"column\" = 's'"),
        schema.run(f"show columns from table warehouse.{schema.name}.t")[1][7],
    ]  # fmt: skip
    assert listed == ["super"] * 4
