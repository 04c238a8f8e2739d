"""Sessions that have logged in to a database of CREATE DATABASE: it is as if it were the first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redshift_connector

from infra.local.redshift import catalog

from .conftest import DATABASE, ROLE, USER, Lake, Schema, Servers

pytestmark = pytest.mark.slow


@pytest.fixture
def second(schema: Schema, servers: Servers) -> Iterator[Schema]:
    """A session of another database, with a schema `s` as its search path."""
    schema.run("create database second")
    there = Schema(servers, "s", "second")
    yield there
    there.connection.close()
    schema.run("drop database second")


def test_a_session_shows_its_own_database(second: Schema, schema: Schema) -> None:
    schema.run("create table left_out (a int)")
    second.run("reset search_path")
    assert second.run("select current_database(), current_schema()") == [("second", "public")]
    second.run("create table t (id int primary key, name varchar(3))")
    second.run(
        "create table s.u (a int references public.t, b varchar(9)) diststyle even sortkey (a)"
    )
    second.run("insert into s.u values (1, 'x')")
    assert second.run("select s.u.a, second.s.u.b from second.s.u") == [(1, "x")]
    tables = [("second", "public", "t"), ("second", "s", "u")]
    for listing in (
        "select table_catalog, table_schema, table_name from information_schema.tables",
        "select distinct table_catalog, table_schema, table_name from information_schema.columns",
        "select table_catalog, table_schema, table_name from svv_tables",
        'select "database", "schema", "table" as table_name, null from svv_table_info',
        "select current_database(), schemaname, tablename as table_name from pg_tables",
        "select current_database(), n.nspname, c.relname as table_name from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace and n.nspname in ('public', 's') "
        "where c.relkind = 'r'",
        "select table_catalog, table_schema, table_name from information_schema.table_constraints",
    ):
        found = second.run(
            f"select * from ({listing}) as q where table_name in ('t', 'u', 'left_out')"
        )
        assert sorted(row[:3] for row in found) == tables, listing
    names = "select datname from pg_database where datname in ('second', %s) order by 1"
    assert second.run(names, DATABASE) == [("second",), (DATABASE,)]
    for asking in (second, schema):
        (table,) = asking.run("show tables from schema second.s")
        assert table[:4] == ("second", "s", "u", "TABLE")
        assert table[9] == "EVEN"
    assert second.run("show columns from table s.u")[0][:4] == ("second", "s", "u", "a")
    assert second.value("show table s.u").startswith("CREATE TABLE s.u (")
    assert second.run("show constraints foreign keys from table s.u")[0][:4] == (
        "second", "public", "t", "id",
    )  # fmt: skip
    assert ("second", USER) in second.run("select db_name, user_name from stv_sessions")
    assert second.run(
        "select database_name, status from sys_query_history "
        "where query_text like 'insert into s.u%'"
    ) == [("second", "success")]
    with pytest.raises(psycopg.Error, match=r'relation "s\.nothing" does not exist'):
        second.run("select * from s.nothing")
    with pytest.raises(psycopg.Error, match="left_out"):
        second.run(f"select * from {schema.name}.left_out")


def test_every_statement_names_it(second: Schema) -> None:
    second.run("reset search_path")
    for statement in (
        "create table s.a (id int, n int)",
        "create table s.b (like s.a)",
        "insert into s.a values (1, 2)",
        "create view s.bound as select id from s.a",
        "create view s.late as select s.a.n from s.a with no schema binding",
        "create materialized view s.m as select id from s.a",
        "refresh materialized view s.m",
        "create function s.f(int) returns int stable as $$ select $1 + 1 $$ language sql",
        "create procedure s.p(x int) as $$ declare r record; begin "
        "for r in select id from s.a loop insert into s.b values (r.id, x); end loop; "
        "create table s.made (id int) diststyle all; end; $$ language plpgsql",
        "call s.p(7)",
        "merge into s.a using s.b on s.a.id = s.b.id when matched then update set n = s.b.n "
        "when not matched then insert values (s.b.id, s.b.n)",
        "update s.b set n = 8 from s.a where s.a.id = s.b.id",
        "comment on table s.a is 'whole'",
        "comment on column s.a.id is 'part'",
        "grant usage on schema s, public to public",
        "grant select on all tables in schema s to public",
        "alter default privileges in schema s grant select on tables to public",
        "analyze s.a",
        "vacuum full s.a",
        "alter table s.a add column more int",
        "alter table s.a alter distkey id",
        "create schema t authorization redshift_user",
        "create schema authorization redshift_user",
        "alter schema t rename to t2",
    ):
        second.run(statement.replace("redshift_user", USER))
    joined = "select late.n, s.f(bound.id), m.id from s.late, s.bound, s.m"
    assert second.run(joined) == [(7, 2, 1)]
    assert second.run("select id, n from s.b") == [(1, 8)]
    assert second.value("show view s.late") == (
        "create view s.late as select s.a.n from s.a with no schema binding;"
    )
    assert second.run(
        "select view_schema, view_name, col_name from pg_get_late_binding_view_cols() cols("
        "view_schema name, view_name name, col_name name, col_type varchar, ordinal_position int)"
    ) == [("s", "late", "n")]
    assert second.run(
        "select remarks from svv_columns where table_schema = 's' and table_name = 'a' order by 1"
    )[0] == ("part",)
    assert second.value("select has_schema_privilege('s', 'usage')") is True
    assert second.value("select count(*) from s.a where 's.a'::regclass > 0") == 1
    schemas = "select nspname from pg_namespace where nspname not like 'pg%' order by 1"
    assert [name for (name,) in second.run(schemas)] == [
        "information_schema", "public", "s", USER, "t2",
    ]  # fmt: skip
    assert second.run("select diststyle from svv_table_info where \"table\" = 'made'") == [("ALL",)]
    assert second.run("select schema_name, name from svv_mv_info") == [("s", "m")]
    second.run("drop table s.b, s.made")
    second.run("drop schema s, t2 cascade")
    assert second.run("select 1 from pg_namespace where nspname in ('s', 't2')") == []


def test_search_paths_are_in_it(second: Schema, servers: Servers) -> None:
    second.run("create table here (a int)")
    assert second.value("show search_path") == "s"
    second.run("reset search_path")
    assert second.value("show search_path") == '"$user", public'
    second.run("begin")
    second.run("set local search_path to '$user', s")
    assert second.value("show search_path") == '"$user", s'
    assert second.run("select * from here") == []
    second.run("commit")
    assert second.value("show search_path") == '"$user", public'
    assert second.run("select set_config('search_path', 's', false)") == [("s",)]
    assert second.value("select count(*) from here") == 0
    with pytest.raises(psycopg.errors.UndefinedObject, match="redshift"):
        second.run("select set_config('redshift.database', 'warehouse', false)")
    second.run("reset all")
    assert second.value("show search_path") == '"$user", public'
    with servers.psycopg(dbname="second", options="-c search_path=s") as given:
        assert given.execute("select count(*) from here").fetchone() == (0,)
    second.run("create user of_second password 'Secret-12'")
    second.run("alter user of_second set search_path to s, public")
    second.run("grant all on schema s to of_second")
    try:
        login: dict[str, Any] = {"user": "of_second", "password": "Secret-12"}
        with servers.psycopg(dbname="second", **login) as other:
            assert other.execute("show search_path").fetchone() == ("s, public",)
            other.execute("create table theirs (a int)")
            assert other.execute("select user_name, db_name from stv_sessions where "
                                 "process = pg_backend_pid()").fetchall() == [
                ("of_second", "second")
            ]  # fmt: skip
        assert second.run("select tableowner from pg_tables where tablename = 'theirs'") == [
            ("of_second",)
        ]
    finally:
        second.run("drop schema s cascade")
        second.run("drop user of_second")


def test_files_are_loaded_and_written(second: Schema, lake: Lake) -> None:
    second.run("create table s.t (id int, name varchar(9))")
    lake.put("in/a.csv", "1,Ann\nx,Bob\n")
    second.run(f"copy s.t from '{lake.url}/in/' {ROLE} csv maxerror 2")
    assert second.run("select * from s.t") == [(1, "Ann")]
    assert second.run(
        "select h.database_name, e.column_name from sys_load_history as h "
        "join sys_load_error_detail as e on e.query_id = h.query_id "
        "where h.query_id = pg_last_copy_id()"
    ) == [("second", "id")]
    second.run(f"unload ('select name from s.t') to '{lake.url}/out/' {ROLE}")
    assert lake.get("out/0000_part_00") == b"Ann\n"
    with pytest.raises(psycopg.Error, match=r"nonexistent table s\.nothing"):
        second.run(f"copy s.nothing from '{lake.url}/in/' {ROLE} csv")


def test_it_reads_other_databases(second: Schema, schema: Schema) -> None:
    schema.run("create table t as select 5 as a")
    second.run(f"create table public.t as select * from {DATABASE}.{schema.name}.t")
    assert schema.run("select a from second.public.t") == [(5,)]
    second.run(f"use {DATABASE}")
    assert second.run(f"select a from {schema.name}.t") == [(5,)]
    assert second.run(f"show tables from schema {schema.name}")[0][0] == DATABASE
    assert second.value("select current_database()") == "second"
    second.run("reset use")
    assert second.run("select a from public.t") == [(5,)]
    for database in (DATABASE, "second"):  # what every database has
        schemas = f"show schemas from database {database} like 'pg_catalog'"
        assert [row[:2] for row in second.run(schemas)] == [(database, "pg_catalog")]
        tables = f"show tables from schema {database}.pg_catalog like 'pg_class'"
        assert [row[:3] for row in schema.run(tables)] == [(database, "pg_catalog", "pg_class")]
        columns = f"show columns from table {database}.pg_catalog.pg_class like 'relname'"
        assert [row[:4] for row in schema.run(columns)] == [
            (database, "pg_catalog", "pg_class", "relname")
        ]
    for wrong, code, words in (
        ("drop database second", "55006", "currently open"),
        ("create database second", "42P04", "already exists"),
        ("grant usage on database second to public", "0A000", "GRANT ON DATABASE other than"),
    ):
        with pytest.raises(psycopg.Error, match=words) as caught:
            second.run(wrong)
        assert caught.value.sqlstate == code
    with pytest.raises(psycopg.Error, match='"second" is being accessed by other users') as caught:
        schema.run("drop database second")
    assert caught.value.sqlstate == "55006"
    assert second.value("select has_database_privilege('second', 'create')") is True


def test_databases_of_an_older_catalog_are_found(second: Schema, servers: Servers) -> None:
    second.run("create view public.late as select a from s.t with no schema binding")
    with servers.postgres() as inside:
        inside.execute(
            "update pg_internal.late_binding_view "
            "set definition = replace(definition, e'\\x01', '/') where original like '%late%'"
        )
        inside.execute('create table "second\x01s".t as select 7 as a')
        inside.execute('alter schema "second\x01s" rename to "second/s"')
        assert second.run("select 1 from pg_tables where schemaname = 's'") == []
        inside.execute("set allow_system_table_mods = on")
        inside.execute("set event_triggers = off")
        inside.execute((Path(catalog.__file__).parent / "15_databases.sql").read_bytes())
    assert second.run("select t.a, late.a from s.t, public.late") == [(7, 7)]
    assert second.run("select schemaname from pg_tables where tablename = 't'") == [("s",)]


NAMES = 'təst_Nam好e$123`~!#$%^&*()_+-={}[]:"",./<>? Delimited in a name that is long'


@pytest.mark.parametrize("sensitive", [True, False])
def test_names_may_hold_anything(servers: Servers, sensitive: bool) -> None:
    """As redshift_connector's own tests of its metadata calls name things."""
    shown = NAMES.replace('""', '"')
    if not sensitive:  # letters of ASCII alone fold
        shown = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in shown)
    case = f"set enable_case_sensitive_identifier to {sensitive}"
    with servers.redshift() as first:
        first.autocommit = True
        first.cursor().execute(case)
        first.cursor().execute(f'create database "{NAMES}"')
    with servers.redshift(database=NAMES.replace('""', '"')) as there, there.cursor() as cursor:
        cursor.execute(case)
        for statement in (
            'create schema "{}"',
            'create table "{0}"."{0}" ("{0}" int primary key)',
            'create table "{0}"."{0} child" (c int, "{0}" int, foreign key ("{0}") '
            'references "{0}"."{0}" ("{0}"))',
            'create procedure "{0}"."{0}"("{0}" out int) as $$ begin null; end; $$ '
            "language plpgsql",
        ):
            cursor.execute(statement.replace("{}", NAMES).replace("{0}", NAMES))
        there.commit()
        pattern = shown.replace("_", r"\_").replace("%", r"\%")
        for single in (True, False):
            with servers.redshift(
                database=NAMES.replace('""', '"') if single else DATABASE,
                database_metadata_current_db_only=single,
            ) as asking, asking.cursor() as driver:  # fmt: skip
                driver.execute(case)
                assert [row[:2] for row in driver.get_schemas(shown, pattern)] == [[shown, shown]]
                tables = driver.get_tables(shown, pattern, pattern + "%", ["TABLE"])
                assert [row[2] for row in tables] == [shown, shown + " child"]
                columns = driver.get_columns(shown, pattern, pattern, pattern)
                assert [row[:4] for row in columns] == [[shown] * 4]
                keys = driver.get_imported_keys(shown, shown, shown + " child")
                assert [row[:8] for row in keys] == [
                    [shown] * 4 + [shown, shown, shown + " child", shown]
                ]
                routines = driver.get_procedure_columns(shown, pattern, pattern, "%")
                assert [row[:4] for row in routines] == [[shown] * 4]
    with servers.redshift() as first:
        first.autocommit = True
        first.cursor().execute(case)
        first.cursor().execute(f'drop database "{NAMES}"')
        with pytest.raises(redshift_connector.Error, match="does not exist"):
            servers.redshift(database=NAMES.replace('""', '"'))
