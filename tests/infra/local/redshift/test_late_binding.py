from __future__ import annotations

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow


def columns(schema: Schema) -> list[tuple[str, str, str, int]]:
    return schema.run(  # type: ignore[return-value]
        "select v, c, t, n from pg_get_late_binding_view_cols() "
        "cols(s name, v name, c name, t varchar, n int) where s = %s order by v, n",
        schema.name,
    )


def test_a_view_may_come_before_its_table_and_survive_it(schema: Schema) -> None:
    s = schema.name
    schema.run(f"create view {s}.v as select * from {s}.t with no schema binding")
    with pytest.raises(psycopg.errors.UndefinedTable, match=f'relation "{s}.t" does not exist'):
        schema.run("select * from v")
    schema.run("create table t (a int)")
    schema.run("insert into t values (1)")
    assert schema.run("select * from v") == [(1,)]
    schema.run("drop table t")  # no CASCADE needed
    with pytest.raises(psycopg.errors.UndefinedTable):
        schema.run("select * from v")
    schema.run("create table t as select 'x'::varchar(3) as b, 2 as c")
    assert schema.run(f"select x.* from {s}.v as x") == [("x", 2)]


def test_a_rename_binds_by_name_not_by_table(schema: Schema) -> None:
    s = schema.name
    schema.run("create table t as select 1 as a")
    schema.run("create table u as select 2 as a")
    schema.run(f"create view {s}.v as select a from {s}.t with no schema binding")
    schema.run("alter table t rename to old")
    schema.run("alter table u rename to t")
    assert schema.run("select a from v") == [(2,)]


def test_views_on_views_joins_and_references(schema: Schema) -> None:
    s = schema.name
    schema.run("create table t as select 1 as a, 'x'::varchar(5) as b")
    schema.run(f"create view {s}.v as select a, b from {s}.t with no schema binding")
    schema.run(f"create view {s}.w (k) as select v.a + 1 from {s}.v with no schema binding")
    assert schema.run(f"select w.k, v.b from {s}.w join {s}.v on w.k = v.a + 1") == [(2, "x")]
    schema.run(f"create table c as select k from {s}.w")
    schema.run(f"insert into c select k + 1 from {s}.w where k in (select k from w)")
    assert schema.run("select k from c order by 1") == [(2,), (3,)]
    assert columns(schema) == [
        ("v", "a", "integer", 1),
        ("v", "b", "character varying(5)", 2),
        ("w", "k", "integer", 1),
    ]
    shown = schema.run(f"show columns from table warehouse.{s}.v")
    assert [(row[3], row[4], row[7], row[8]) for row in shown] == [
        ("a", 1, "integer", None),
        ("b", 2, "character varying", 5),
    ]
    listed = "select table_name, column_name from svv_redshift_columns where schema_name = %s"
    assert ("v", "b") in schema.run(listed, s)
    schema.run("drop table t")
    assert columns(schema) == []
    assert schema.run(listed, s) == [("c", "k")]


def test_prepared_statements_read_views_too(servers: Servers, schema: Schema) -> None:
    s = schema.name
    schema.run("create table t as select 1 as a")
    schema.run(f"create view {s}.v as select a from {s}.t with no schema binding")
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute(f"select a from {s}.v where a = %s", (1,))
    assert cursor.fetchall() == ([1],)
    connection.close()


def test_replace_rename_drop_and_comment(schema: Schema) -> None:
    s = schema.name
    schema.run(f"create view {s}.v as select 1 as a from {s}.x with no schema binding")
    with pytest.raises(psycopg.errors.DuplicateTable, match='relation "v" already exists'):
        schema.run(f"create view {s}.v as select 2 from {s}.x with no schema binding")
    schema.run(f"create or replace view {s}.v as select 3 as z, 4 as y with no schema binding")
    schema.run("comment on view v is 'about it'")
    schema.run(f"alter table {s}.v rename to w")
    assert schema.run("select z, y from w") == [(3, 4)]
    (row,) = schema.run(f"show tables from schema {s}")
    assert (row[2], row[3], row[5], row[6], row[10]) == (
        "w", "VIEW", "about it", "starlift", "LATE BINDING VIEW",
    )  # fmt: skip
    schema.run(f"drop view {s}.w cascade")
    assert schema.run(f"show tables from schema {s}") == []
    schema.run(f"create view {s}.w as select 5 as q with no schema binding")
    assert schema.run("select q from w") == [(5,)]


def test_a_bound_view_can_be_replaced_by_a_late_binding_one(schema: Schema) -> None:
    s = schema.name
    schema.run(f"create view {s}.v as select 1 as a")
    schema.run(f"create or replace view {s}.v as select 'x' as b with no schema binding")
    assert schema.run("select b from v") == [("x",)]


def test_its_columns_are_only_in_the_late_binding_list(schema: Schema) -> None:
    s = schema.name
    schema.run(f"create view {s}.v as select 1 as a with no schema binding")
    assert (
        schema.run("select column_name from information_schema.columns where table_schema = %s", s)
        == []
    )
    assert schema.run(
        "select table_name from information_schema.views where table_schema = %s", s
    ) == [("v",)]


def test_a_syntax_error_is_one_at_creation(schema: Schema) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        schema.run(f"create view {schema.name}.v as select from where with no schema binding")


def test_unqualified_names_are_rejected(schema: Schema) -> None:
    with pytest.raises(psycopg.Error, match="should be qualified"):
        schema.run("create view v as select * from t with no schema binding")
