"""System views on privileges, routines and the cluster; those that never have rows."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import DATABASE, USER, Schema, Servers

pytestmark = pytest.mark.slow


def test_privileges_on_columns_functions_and_defaults(schema: Schema) -> None:
    name = schema.name
    schema.run("create user of_views password disable")
    schema.run("create role role_of_views")
    try:
        schema.run("create table t (a int, b int)")
        schema.run("grant select (a) on t to of_views with grant option")
        schema.run("grant update (b) on t to role role_of_views")
        schema.run(
            "create function f (int, varchar) returns int stable as $$ select $1 $$ language sql"
        )
        schema.run("grant execute on function f (int, varchar) to of_views")
        schema.run(
            "create procedure p (a int, b out int) as $$ begin b := a; end $$ language plpgsql"
        )
        schema.run(f"alter default privileges in schema {name} grant insert on tables to of_views")
        schema.run(f"grant create on database {DATABASE} to of_views")
        assert schema.run(
            "select relation_name, column_name, privilege_type, identity_name, identity_type "
            f"from svv_column_privileges where namespace_name = '{name}' order by 2"
        ) == [
            ("t", "a", "SELECT", "of_views", "user"),
            ("t", "b", "UPDATE", "role_of_views", "role"),
        ]
        assert schema.run(
            "select function_name, argument_types, privilege_type from svv_function_privileges "
            f"where namespace_name = '{name}' and identity_name = 'of_views'"
        ) == [("f", "integer, character varying", "EXECUTE")]
        assert schema.run(
            "select database_name, function_name, function_type, argument_type, result_type "
            f"from svv_redshift_functions where schema_name = '{name}' order by 2"
        ) == [
            (DATABASE, "f", "REGULAR FUNCTION", "integer, character varying", "integer"),
            (DATABASE, "p", "STORED PROCEDURE", "integer", ""),
        ]
        assert schema.run(
            "select object_type, owner_name, privilege_type, grantee_name, admin_option "
            f"from svv_default_privileges where schema_name = '{name}'"
        ) == [("RELATION", USER, "INSERT", "of_views", False)]
        assert schema.run(
            "select database_name, privilege_type, privilege_scope from svv_database_privileges "
            "where identity_name = 'of_views'"
        ) == [(DATABASE, "CREATE", "DATABASE")]
    finally:
        schema.run(f"revoke create on database {DATABASE} from of_views")
        schema.run(f"drop schema {name} cascade")
        schema.run("drop user of_views")
        schema.run("drop role role_of_views")


def test_tables_locks_and_calls(schema: Schema, servers: Servers) -> None:
    schema.run("create table t (a int) diststyle all backup no")
    schema.run("create procedure p (a int) as $$ begin null; end $$ language plpgsql")
    schema.run("call p(1)")
    with pytest.raises(psycopg.Error):
        schema.run("call p('x')")
    calls = "select trim(querytxt), aborted from svl_stored_proc_call where database = %s"
    assert schema.run(f"{calls} order by query desc limit 2", DATABASE) == [
        ("call p('x')", 1), ("call p(1)", 0),
    ]  # fmt: skip
    assert schema.run(
        "select trim(query_text), trim(status) from sys_procedure_call "
        "order by query_id desc limit 1"
    ) == [("call p('x')", "canceled")]
    assert schema.run(
        "select slice, temp, backup, dist_style, block_count from stv_tbl_perm "
        "where id = 't'::regclass"
    ) == [(0, 0, 0, 8, 0)]
    assert schema.run("select node, slice from stv_slices") == [(0, 0)]
    locks = "select lock_owner_pid from stv_locks where table_id = 't'::regclass"
    assert schema.run(locks) == []
    with servers.psycopg() as writer:
        writer.execute("begin")
        writer.execute(f"insert into {schema.name}.t values (1)")
        pid = writer.execute("select pg_backend_pid()").fetchone()
        assert schema.run(locks) == [pid]
        writer.execute("rollback")
    assert schema.run(locks) == []


@pytest.mark.parametrize(
    ("name", "column", "kind"),
    [
        ("stl_alert_event_log", "solution", "character(1024)"),
        ("stv_tbl_trans", "ref_cnt", "integer"),
        ("svl_s3query", "is_rrscan", "character(1)"),
        ("svl_s3query_summary", "avg_request_parallelism", "double precision"),
        ("svv_alter_table_recommendations", "ddl", "character varying"),
        ("svv_system_privileges", "identity_name", "character varying"),
    ],
)
def test_what_never_happens_has_columns_and_no_rows(
    schema: Schema, name: str, column: str, kind: str
) -> None:
    assert schema.run(f"select {column} from {name}") == []
    assert schema.value(
        "select format_type(atttypid, atttypmod) from pg_attribute "
        f"where attrelid = 'pg_catalog.{name}'::regclass and attname = '{column}'"
    ) == kind  # fmt: skip
