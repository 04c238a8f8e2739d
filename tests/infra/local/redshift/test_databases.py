from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow


@pytest.fixture
def other(schema: Schema) -> Iterator[Schema]:
    """A session that may use two other databases."""
    for name in ("dbt-hyphen", "elsewhere"):
        schema.run(f'create database "{name}"')
    schema.run('create schema if not exists "dbt-hyphen"."s"')
    schema.run('create table "dbt-hyphen"."s"."t" (id int, name varchar(3) distkey)')
    schema.run("""insert into "dbt-hyphen".s.t (id, name) values (1, 'a'), (2, 'b')""")
    yield schema
    schema.run("reset use")
    for name in ("dbt-hyphen", "elsewhere"):
        schema.run(f'drop database "{name}"')


def fails(schema: Schema, sql: str, code: str, words: str) -> None:
    with pytest.raises(psycopg.Error, match=words) as caught:
        schema.run(sql)
    assert caught.value.sqlstate == code


def test_three_part_names(other: Schema) -> None:
    other.run('create table mine as select * from "dbt-hyphen".s.t where "dbt-hyphen".s.t.id = 2')
    assert other.run("select id, name from mine") == [(2, "b")]
    other.run(f"create table elsewhere.public.u as select * from warehouse.{other.name}.mine")
    other.run("update elsewhere.public.u set name = 'c' where id = 2")
    assert other.run(
        'select t.id, u.name from "dbt-hyphen".s.t as t left join elsewhere.public.u as u '
        "on u.id = t.id order by 1"
    ) == [(1, None), (2, "c")]
    other.run("create view late as select name from elsewhere.public.u with no schema binding")
    assert other.run("select * from late") == [("c",)]
    other.run('alter table "dbt-hyphen".s.t rename to t2')
    other.run("comment on table \"dbt-hyphen\".s.t2 is 'moved'")
    other.run('truncate "dbt-hyphen".s.t2')
    assert other.value('select count(*) from "dbt-hyphen".s.t2') == 0
    other.run('drop table if exists "dbt-hyphen".s.t2, elsewhere.public.u')
    fails(other, "select 1 from elsewhere.public.u", "42P01", "elsewhere")
    # schema.table.column is no database
    other.run("create schema elsewhere")
    other.run("create table elsewhere.t (id int)")
    assert other.run("select elsewhere.t.id from elsewhere.t") == []
    other.run("drop schema elsewhere cascade")


def test_catalogs_and_show(other: Schema) -> None:
    assert other.run(
        "select schema_name, table_name, column_name from svv_redshift_columns "
        "where database_name = 'dbt-hyphen' order by ordinal_position"
    ) == [("s", "t", "id"), ("s", "t", "name")]
    names = [row[0] for row in other.run("show databases")]
    assert names == ["warehouse", "dbt-hyphen", "elsewhere"]
    schemas = other.run('show schemas from database "dbt-hyphen"')
    assert [row[:2] for row in schemas] == [
        ("dbt-hyphen", name) for name in ("information_schema", "pg_catalog", "public", "s")
    ]
    (table,) = other.run('show tables from schema "dbt-hyphen"."s"')
    assert table[:4] == ("dbt-hyphen", "s", "t", "TABLE")
    columns = other.run('show columns from table "dbt-hyphen"."s"."t"')
    assert [row[:5] + row[7:9] for row in columns] == [
        ("dbt-hyphen", "s", "t", "id", 1, "integer", None),
        ("dbt-hyphen", "s", "t", "name", 2, "character varying", 3),
    ]
    other.run('grant select on "dbt-hyphen".s.t to public')
    grants = other.run('show grants on table "dbt-hyphen".s.t')
    assert ("dbt-hyphen", "s", "t", "SELECT", "public") in {
        (*row[:3], row[4], row[6]) for row in grants
    }
    # This database's own catalogs do not show them.
    for listing in (
        "select nspname from pg_namespace", "select schema_name from information_schema.schemata",
        "select table_schema from information_schema.tables", "select schemaname from pg_tables",
        "select table_schema from svv_columns", 'select "schema" from svv_table_info',
        "select namespace_name from svv_relation_privileges",
    ):  # fmt: skip
        assert not [name for (name,) in other.run(listing) if "\x01" in name], listing


def test_use(other: Schema) -> None:
    other.run("create table here (a int)")
    other.run('use "dbt-hyphen"')
    assert other.value("show use") == "dbt-hyphen"
    assert other.value("select count(s.t.id) from s.t") == 2
    other.run("create schema s2")
    other.run("create table s2.x as select 1 as a")
    other.run("create table unqualified (a int)")
    assert other.run('select a from "dbt-hyphen".s2.x') == [(1,)]
    fails(other, "select * from here", "42P01", "here")
    other.run("set search_path to s, '$user', public")
    assert other.value("show search_path") == 's, "$user", public'
    assert other.value("select count(id) from t") == 2
    assert other.value("select current_schema()") == "s"
    other.run("reset search_path")
    assert other.value("show search_path") == '"$user", public'
    assert other.value("select count(*) from unqualified") == 0
    fails(other, "reset all", "0A000", "after USE")
    assert other.run(f"select * from warehouse.{other.name}.here") == []
    fails(other, "use nowhere", "3D000", "nowhere")
    assert other.value("show use") == "dbt-hyphen"
    other.run("reset use")
    assert other.value("show use") == ""
    assert other.value("show search_path") == '"$user", public'
    assert other.value('select count(*) from "dbt-hyphen".public.unqualified') == 0


@pytest.mark.parametrize(
    "what",
    [
        "schemas from database nowhere",
        "tables from schema nowhere.s",
        "columns from table nowhere.s.t",
        "constraints primary keys from table nowhere.s.t",
        "constraints foreign keys from table nowhere.s.t",
        "constraints foreign keys exported from table nowhere.s.t",
        "column grants on table nowhere.s.t",
        "grants on table nowhere.s.t",
        "grants on schema nowhere.s",
        "procedures from schema nowhere.s",
        "parameters of procedure nowhere.s.p()",
        "functions from schema nowhere.s",
        "parameters of function nowhere.s.f()",
    ],
)
def test_lists_of_what_is_not_there_are_empty(schema: Schema, what: str) -> None:
    """As test_server_api_show_command.py of redshift_connector asks, without making any."""
    assert schema.run(f"show {what}") == []
    assert schema.connection.execute(f"show {what}").description


def test_what_cannot_be(other: Schema) -> None:
    fails(other, "create schema nowhere.s", "3D000", 'database "nowhere" does not exist')
    fails(other, "show table nowhere.s.t", "3D000", 'database "nowhere" does not exist')
    fails(other, "create database elsewhere", "42P04", "already exists")
    fails(other, "drop database nowhere", "3D000", "nowhere")
    fails(other, "create database d from datashare s of namespace 'x'", "0A000", "datashare")
    fails(other, f"create schema elsewhere.{'s' * 128}", "42622", "too long")
    other.run("begin")
    fails(other, "create database third", "25001", "cannot run inside a transaction block")
    other.run("rollback")
