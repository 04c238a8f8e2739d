"""Names of 64 to 127 bytes, which PostgreSQL cannot store."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow

SCHEMA, TABLE, COLUMN = "s" + "chema" * 14, "T" + "able" * 20, "c" + "olumn" * 25
VIEW = "view" * 31


@pytest.fixture
def long(servers: Servers) -> Iterator[Schema]:
    made = Schema(servers, SCHEMA)
    made.run(f"create table {TABLE} (a int, {COLUMN} varchar(5) distkey) sortkey ({COLUMN})")
    yield made
    made.run(f"drop schema {SCHEMA} cascade")
    made.connection.close()


def test_catalogs_and_results_show_whole_names(long: Schema) -> None:
    table = TABLE.lower()
    long.run(f'insert into "{SCHEMA}"."{TABLE}" values (1, \'x\')')
    cursor = long.connection.execute(f"select *, a as {VIEW} from {table}")
    assert [column.name for column in cursor.description or ()] == ["a", COLUMN, VIEW]
    assert cursor.fetchall() == [(1, "x", 1)]
    for listed in (
        "select table_schema, table_name from information_schema.tables where table_schema = %s",
        "select table_schema, table_name from svv_tables where table_schema = %s",
        "select schemaname, tablename from pg_tables where schemaname = %s",
        "select distinct schemaname, tablename from pg_table_def where schemaname = %s",
        'select "schema", "table" from svv_table_info where "schema" = %s',
        "select schema_name, table_name from svv_redshift_tables where schema_name = %s",
        "select nspname, relname from pg_class as c join pg_namespace as n "
        "on n.oid = c.relnamespace where nspname = %s",
        "select table_schema, table_name from information_schema.tables where table_schema = %s "
        "union all select proname, proname from pg_proc where proname = 'none'",
        "select distinct namespace_name, relation_name from svv_relation_privileges "
        "where namespace_name = %s",
    ):
        assert long.run(listed, SCHEMA) == [(SCHEMA, table)], listed
    assert long.run(
        "select column_name, data_type from information_schema.columns where table_name = %s "
        "order by 1", table,
    ) == [("a", "integer"), (COLUMN, "character varying")]  # fmt: skip
    assert long.run(
        'select diststyle, sortkey1 from svv_table_info where "schema" = %s', SCHEMA
    ) == [(f"KEY({COLUMN})", COLUMN)]
    assert [row[1:3] for row in long.run(f"show tables from schema warehouse.{SCHEMA}")] == [
        (SCHEMA, table)
    ]
    shown = long.run(f"show columns from table warehouse.{SCHEMA}.{TABLE}")
    assert [row[1:4] for row in shown] == [(SCHEMA, table, "a"), (SCHEMA, table, COLUMN)]
    with pytest.raises(psycopg.Error, match=f'column "{VIEW}" does not exist'):
        long.run(f"select {VIEW} from {TABLE}")
    with pytest.raises(psycopg.Error, match=f'relation "{table}" already exists'):
        long.run(f"create table {TABLE} (b int)")


def test_names_in_literals_and_show(long: Schema) -> None:
    path, table = f"{SCHEMA}.{TABLE}", TABLE.lower()
    for name in (path, f'"{SCHEMA}"."{table}"', table):
        assert long.value(f"select has_table_privilege('{name}', 'select')") is True
        assert long.value(f"select has_table_privilege('starlift', '{name}', 'insert')") is True
        assert long.value(f"select count(*) from pg_class where oid = '{name}'::regclass") == 1
    assert long.value(f"select has_schema_privilege('{SCHEMA}', 'usage')") is True
    # A literal that is data stays as it is, and one of an unknown name is an error.
    assert long.value(f"select '{path}' || ''") == path
    with pytest.raises(psycopg.Error, match="does not exist"):
        long.run(f"select '{SCHEMA}.{VIEW}'::regclass")
    assert long.value("select current_schema()") == long.value("select current_schema") == SCHEMA
    ddl = long.value(f"show table {path}")
    assert ddl.startswith(f'CREATE TABLE {SCHEMA}."{table}"') or ddl.startswith(
        f"CREATE TABLE {SCHEMA}.{table}"
    )
    assert COLUMN in ddl and "~" not in ddl
    long.run("create user u_long password disable")
    long.run(f"grant select on {path} to u_long")
    granted = long.run(f"show grants on table {path} for u_long")
    assert [row[1:5] for row in granted] == [(SCHEMA, table, "TABLE", "SELECT")]
    assert {row[1] for row in long.run(f"show grants on schema {SCHEMA}")} == {SCHEMA}
    long.run(f"revoke select on {path} from u_long")
    long.run("drop user u_long")


def test_views_renames_and_other_databases(long: Schema, servers: Servers) -> None:
    long.run(
        f"create view {SCHEMA}.{VIEW} as select * from {SCHEMA}.{TABLE} with no schema binding"
    )
    assert long.value(f"select count(*) from {SCHEMA}.{VIEW}") == 0
    ((definition,),) = long.run("select definition from pg_views where viewname = %s", VIEW)
    assert definition.startswith(f"create view {SCHEMA}.{VIEW} as")
    columns = (
        "select col_name from pg_get_late_binding_view_cols() cols(view_schema name, "
        "view_name name, col_name name, col_type varchar, ordinal_position int) "
        "where view_name = %s order by 1"
    )
    assert long.run(columns, VIEW) == [("a",), (COLUMN,)]
    long.run(f"create materialized view {VIEW[:90]} as select a from {TABLE}")
    long.run(f"refresh materialized view {VIEW[:90]}")
    assert long.value("select count(*) from svv_mv_info where name = %s", VIEW[:90]) == 1
    long.run(f"alter table {TABLE} rename to {TABLE}_2")
    assert long.value(f"select count(*) from {TABLE}_2") == 0
    long.run("create database long_names")
    long.run(f"create schema long_names.{SCHEMA}")
    long.run(f"create table long_names.{SCHEMA}.{TABLE} as select 7 as a")
    with servers.psycopg() as other:
        assert other.execute(f"select a from long_names.{SCHEMA}.{TABLE}").fetchall() == [(7,)]
        shown = other.execute(f"show tables from schema long_names.{SCHEMA}").fetchall()
        assert [row[:3] for row in shown] == [("long_names", SCHEMA, TABLE.lower())]
    long.run("drop database long_names")
