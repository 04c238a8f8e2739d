from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow

GRANTED = (
    "select identity_name, identity_type, privilege_type from svv_relation_privileges "
    "where namespace_name = %s and relation_name = 't' and identity_name <> current_user "
    "order by 1, 3"
)

CATALOGS = """
pg_class pg_attribute pg_attrdef pg_constraint pg_index pg_proc pg_namespace pg_tables pg_views
pg_database pg_group pg_class_info pg_proc_info pg_conf pg_user pg_table_def svv_tables svv_columns
svv_table_info stl_query sys_query_history information_schema.tables information_schema.columns
information_schema.schemata information_schema.views
"""


@pytest.fixture
def people(schema: Schema) -> Iterator[Schema]:
    made = ["user p_ann password disable", "group p_staff", "role p_reader", "role p_boss"]
    for item in made:
        schema.run(f"create {item}")
    schema.run("create table t (a int)")
    yield schema
    schema.run(f"drop schema {schema.name} cascade")
    for item in made:
        schema.run(f"drop {' '.join(item.split()[:2])}")


def test_users_groups_and_roles_are_told_apart(people: Schema) -> None:
    people.run("grant select on t to p_ann, group p_staff, role p_reader")
    people.run("grant insert, update on table t to role p_boss")
    assert people.run(GRANTED, people.name) == [
        ("p_ann", "user", "select"),
        ("p_boss", "role", "insert"),
        ("p_boss", "role", "update"),
        ("p_reader", "role", "select"),
        ("p_staff", "group", "select"),
    ]
    shown = people.run(f"show grants on table warehouse.{people.name}.t")
    assert {(row[6], row[7], row[4]) for row in shown if row[6] != "starlift"} == {
        ("p_ann", "user", "SELECT"),
        ("/p_staff", "role", "SELECT"),
        ("p_reader", "role", "SELECT"),
        ("p_boss", "role", "INSERT"),
        ("p_boss", "role", "UPDATE"),
    }
    people.run(f'revoke select on "warehouse"."{people.name}"."t" from "p_ann"')
    assert ("p_ann", "user", "select") not in people.run(GRANTED, people.name)
    people.run("revoke all on t from group p_staff, role p_boss, p_ann")
    assert people.run(GRANTED, people.name) == [("p_reader", "role", "select")]


def test_roles_are_granted_to_users_and_roles(people: Schema) -> None:
    people.run("grant role p_reader to p_ann")
    people.run("grant role p_reader to role p_boss")
    members = (
        "select user_name, role_name from svv_user_grants where role_name like 'p!_%%' escape '!'"
    )
    assert people.run(members) == [("p_ann", "p_reader")]
    assert people.run(
        "select role_name, granted_role_name from svv_role_grants where role_name = 'p_boss'"
    ) == [("p_boss", "p_reader")]
    people.run("grant select on t to role p_reader")
    table = f"'{people.name}.t'"
    assert people.value(f"select has_table_privilege('p_ann', {table}, 'select')") is True
    people.run("revoke role p_reader from p_ann")
    assert people.value(f"select has_table_privilege('p_ann', {table}, 'select')") is False
    assert people.run("select role_name from svv_roles where role_name like 'p!_%%' escape '!' "
                      "order by 1") == [("p_boss",), ("p_reader",)]  # fmt: skip
    assert people.value("select count(*) from pg_group where groname like 'p!_%%' escape '!'") == 1


@pytest.mark.parametrize(
    "sql",
    [
        "grant select for tables in schema s to p_ann",
        "grant assumerole on 'arn' to p_ann for copy",
        "create role r externalid 'x'",
    ],
)
def test_what_is_refused(people: Schema, sql: str) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        people.run(sql)
    with pytest.raises(psycopg.errors.UndefinedObject, match='role "nobody_here"'):
        people.run("grant select on t to role nobody_here")
    with pytest.raises(psycopg.errors.DuplicateObject, match='role "p_boss" already exists'):
        people.run("create role p_boss")


def test_everybody_reads_the_catalogs_and_nobody_the_verifiers(servers: Servers) -> None:
    with servers.psycopg() as owner:
        owner.execute("create schema if not exists readable")
        owner.execute("create table readable.t (a int, primary key (a))")
        owner.execute("create user plain_reader password 'Reader-12'")
        owner.execute("grant usage on schema readable to plain_reader")
        owner.execute("grant select on readable.t to plain_reader")
        try:
            with servers.psycopg(user="plain_reader", password="Reader-12") as reader:
                for catalog in CATALOGS.split():
                    assert reader.execute(f"select count(*) from {catalog}").fetchone(), catalog
                for sql in (
                    "show columns from table readable.t",
                    "show grants on table readable.t",
                    "show constraints primary keys from table readable.t",
                    "select pg_get_constraintdef(oid) from pg_constraint where conname = 't_pkey'",
                ):
                    assert reader.execute(sql).fetchall(), sql
                for kept in ("login", "query_history", "connection_log"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        reader.execute(f"select * from pg_internal.{kept}")
        finally:
            owner.execute("drop schema readable cascade")
            owner.execute("drop user plain_reader")


def test_groups_are_groups_and_identities_come_back(servers: Servers) -> None:
    with servers.psycopg() as connection:
        connection.execute("create user borrowed password disable")
        tags = [
            connection.execute(sql).statusmessage
            for sql in (
                "create group lenders with user borrowed",
                "alter group lenders drop user borrowed",
                "drop group lenders",
            )
        ]
        assert tags == ["CREATE GROUP", "ALTER GROUP", "DROP GROUP"]
        connection.execute("set session authorization borrowed")
        assert connection.execute("select current_user").fetchone() == ("borrowed",)
        connection.execute("reset session authorization")
        assert connection.execute("select current_user").fetchone() == ("starlift",)
        connection.execute("drop user borrowed")


def test_all_is_shown_whole(people: Schema) -> None:
    people.run("grant all on t to p_ann with grant option")
    people.run("grant select on t to group p_staff")
    shown = people.run(f"show grants on table {people.name}.t")
    assert [(row[4], row[6], row[8]) for row in shown] == [
        *((name, "p_ann", True) for name in (
            "ALTER", "DELETE", "DROP", "INSERT", "REFERENCES", "RULE", "SELECT", "TRIGGER",
            "TRUNCATE", "UPDATE",
        )),
        ("SELECT", "/p_staff", False),
    ]  # fmt: skip


def test_sys_monitor_reads_the_system_views(schema: Schema, servers: Servers) -> None:
    schema.run("create user p_watch password 'Secret-12'")
    login = {"user": "p_watch", "password": "Secret-12"}
    views = ("stl_connection_log", "stv_tbl_perm", "stv_locks")
    others = "select count(*) > 0 from sys_query_history where query_text like 'create user p_w%'"
    try:
        with servers.psycopg(**login) as watch:
            assert watch.execute(others).fetchone() == (False,)
            for view in views:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    watch.execute(f"select 1 from {view}")
        schema.run("grant role sys:monitor to p_watch")
        assert schema.run("select role_name from svv_user_grants where user_name = 'p_watch'") == [
            ("sys:monitor",)
        ]
        with servers.psycopg(**login) as watch:
            assert watch.execute(others).fetchone() == (True,)
            for view in views:
                watch.execute(f"select 1 from {view}")
        schema.run("revoke role sys:monitor from p_watch")
        with servers.psycopg(**login) as watch, pytest.raises(psycopg.errors.InsufficientPrivilege):
            watch.execute("select 1 from stv_locks")
    finally:
        schema.run("drop user p_watch")
