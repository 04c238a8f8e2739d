from __future__ import annotations

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow

KEYS = 'select diststyle, sortkey1 from svv_table_info where "table" = \'mv\' and "schema" = %s'
STATE = "select autorefresh, is_stale from svv_mv_info where schema_name = %s and name = 'mv'"


def refused(schema: Schema, sql: str, code: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        schema.run(sql)
    assert caught.value.sqlstate == code
    return str(caught.value)


def test_rows_come_with_refresh_only(schema: Schema) -> None:
    schema.run("create table t (id int, name varchar(9))")
    schema.run("insert into t values (1, 'a')")
    schema.run("create materialized view mv as select id, name, 'x' as kind, id + 1 as n from t")
    schema.run("create materialized view above as select n, n * 2 as m, m + 1 as k from mv")
    schema.run("insert into t values (2, 'b')")
    assert schema.run("select * from mv") == [(1, "a", "x", 2)]
    assert schema.run(STATE, schema.name) == [("f", "t")]
    schema.run("refresh materialized view mv")
    assert schema.run("select id, n from mv order by id") == [(1, 2), (2, 3)]
    assert schema.run(STATE, schema.name) == [("f", "f")]
    assert schema.run("select n, m, k from above") == [(2, 4, 5)]
    schema.run("insert into t values (3, 'c')")
    schema.run("refresh materialized view above cascade")
    assert schema.run("select n, m, k from above order by n") == [(2, 4, 5), (3, 6, 7), (4, 8, 9)]


def test_attributes_are_shown_and_changed(schema: Schema) -> None:
    schema.run("create table t (id int, name varchar(9))")
    schema.run(
        "create materialized view mv backup no diststyle key distkey (id) sortkey (name, id) "
        "auto refresh yes as (select * from t)"
    )
    assert schema.run(KEYS, schema.name) == [("KEY(id)", "name")]
    assert schema.value(STATE.replace(", is_stale", ""), schema.name) == "t"
    assert schema.run(
        "select a.attname, a.attisdistkey, a.attsortkeyord from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "join pg_attribute as a on a.attrelid = c.oid "
        "where n.nspname = %s and c.relname like 'mv_tbl__mv__%%' and a.attnum between 1 and 2 "
        "order by a.attnum",
        schema.name,
    ) == [("id", True, 2), ("name", False, 1)]
    schema.run("alter materialized view mv auto refresh no")
    schema.run("alter materialized view mv alter diststyle all")
    schema.run("alter materialized view mv alter sortkey (id)")
    assert schema.value(STATE.replace(", is_stale", ""), schema.name) == "f"
    assert schema.run(KEYS, schema.name) == [("ALL", "id")]
    schema.run("create materialized view other as select 1 as a")
    assert schema.value(
        'select diststyle from svv_table_info where "table" = \'other\' and "schema" = %s',
        schema.name,
    ) == "EVEN"  # fmt: skip


def test_catalogs_know_them(schema: Schema) -> None:
    schema.run("create table t (id int)")
    schema.run("create materialized view mv as (select id from t)")
    created = schema.value(
        "select definition from pg_views where schemaname = %s and viewname = 'mv'", schema.name
    )
    assert created == "create materialized view mv as (select id from t);"
    assert created == schema.value(
        "select view_definition from information_schema.views "
        "where table_schema = %s and table_name = 'mv'",
        schema.name,
    )
    shown = schema.run(f"show tables from schema warehouse.{schema.name}")
    assert [(row[2], row[3], row[-1]) for row in shown] == [
        ("mv", "VIEW", "MATERIALIZED VIEW"),
        ("t", "TABLE", "REGULAR TABLE"),
    ]


def test_dropping(schema: Schema) -> None:
    schema.run("create table t (id int)")
    schema.run("create materialized view mv as select id from t")
    assert "DROP MATERIALIZED VIEW" in refused(schema, "drop view mv", "42809")
    refused(schema, "drop table t", "2BP01")
    schema.run("create view plain as select id from t")
    refused(schema, "drop materialized view plain", "42809")
    refused(schema, "refresh materialized view plain", "42809")
    refused(schema, "drop materialized view nothing", "42P01")
    schema.run("drop materialized view if exists nothing")
    schema.run("drop materialized view if exists mv cascade")
    rows = "select count(*) from pg_tables where schemaname = %s and tablename = 'mv_tbl__mv__0'"
    assert schema.value(rows, schema.name) == 0
    schema.run("create materialized view mv as select id from t")
    assert schema.value(rows, schema.name) == 1
    refused(schema, "create materialized view mv as select id from t", "42P07")
    schema.run("drop table t cascade")
    refused(schema, "select * from mv", "42P01")
    assert schema.value(rows, schema.name) == 0


def test_what_is_refused(schema: Schema) -> None:
    schema.run("create table t (id int)")
    schema.run(f"create view late as select id from {schema.name}.t with no schema binding")
    assert "late-binding view in a materialized view" in refused(
        schema, "create materialized view mv as select id from late", "0A000"
    )
    refused(schema, "create materialized view mv auto refresh maybe as select 1 as a", "42601")
    refused(schema, "alter materialized view mv alter something", "0A000")
    refused(schema, "create materialized view mv", "42601")
