"""Who connected: `stl_connection_log`, `sys_connection_log`; and what was rolled back."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import PASSWORD, Schema, Servers

pytestmark = pytest.mark.slow


def test_connections_are_remembered_with_what_clients_tell(
    servers: Servers, schema: Schema
) -> None:
    with servers.redshift(application_name="nightly load") as connection:
        cursor = connection.cursor()
        told = cursor.execute(
            "select trim(event), session_id = pg_backend_pid(), trim(user_name), "
            "trim(database_name), trim(remote_host), ssl_version, driver_version "
            "from sys_connection_log where application_name = 'nightly load' order by record_time"
        ).fetchall()
        me = cursor.execute("select pg_backend_pid()").fetchone()[0]
    driver = told[0][-1]
    assert driver.startswith("Redshift Python Driver")
    assert [list(row) for row in told] == [
        ["authenticated", False, "starlift", "warehouse", "127.0.0.1", "", driver],
        ["initiating session", True, "starlift", "warehouse", "127.0.0.1", "", driver],
    ]
    found = schema.run(
        "select trim(event), duration > 0, os_version <> '' from stl_connection_log "
        f"where pid = {me} order by recordtime"
    )
    assert found[-2:] == [
        ("initiating session", True, True),
        ("disconnecting session", True, True),
    ]


def test_failed_logins_and_tls_are_remembered(servers: Servers, schema: Schema) -> None:
    name = {"application_name": "burglar"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        servers.psycopg(password="wrong", **name)
    servers.psycopg(sslmode="require", password=PASSWORD, **name).close()
    events = schema.run(
        "select trim(event), sslversion like 'TLS%%', sslcipher <> '' from stl_connection_log "
        "where application_name = 'burglar' and event <> 'disconnecting session' "
        "order by recordtime"
    )
    tls = [(event, True, True) for event in ("authenticated", "initiating session")]
    assert events[-2:] == tls
    assert {event for event, _, _ in events[:-2]} == {"authentication failure"}


def test_only_superusers_see_connections(servers: Servers, schema: Schema) -> None:
    schema.run("create user looker password 'Secret-99'")
    with servers.psycopg(user="looker", password="Secret-99") as session:
        for view in ("stl_connection_log", "sys_connection_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"select * from {view}")
    schema.run("drop user looker")


def test_rolled_back_transactions_are_known(servers: Servers, schema: Schema) -> None:
    """redshift_connector's `tpc_recover` reads them."""
    schema.run("begin")
    schema.run("create table t (a int)")
    schema.run("rollback")
    undone = schema.run("select xact_id from stl_undone order by undo_end_ts desc limit 1")
    transactions = schema.run(
        "select transaction_id from sys_query_history where query_text = 'create table t (a int)' "
        "and session_id = pg_backend_pid()"
    )
    assert undone == transactions
    with servers.redshift() as connection:
        assert undone[0][0] in {each[1] for each in connection.tpc_recover()}
