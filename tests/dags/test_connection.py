"""The warehouse's connection as Airflow's hook opens it: it waits for COPY, not for the dead."""

import contextlib
import json
import socket

import pytest
import redshift_connector

from infra.aws.deployment import Deployment
from infra.aws.warehouse import statements
from infra.local.airflow import connections

pytestmark = pytest.mark.slow


def test_a_statement_may_take_long_and_a_dead_server_is_noticed(stack, monkeypatch):
    from elt_lib.hooks import WarehouseHook

    given = json.dumps(connections(stack.config)["redshift_default"])
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", given)
    with contextlib.closing(WarehouseHook(redshift_conn_id="redshift_default").get_conn()) as it:
        link = it._usock
        assert link.gettimeout() is None
        assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [link.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [60, 15, 4]


def test_the_first_statements_on_aws_let_readers_into_the_marts(stack, monkeypatch):
    """As the administrator runs them there; each is taken once, so that they are repeated here."""
    from elt_lib.hooks import WarehouseHook

    given = json.dumps(connections(stack.config)["redshift_default"])
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", given)
    deployment = Deployment("starlift", "dev", {})
    with contextlib.closing(WarehouseHook(redshift_conn_id="redshift_default").get_conn()) as it:
        it.autocommit = True
        cursor = it.cursor()
        for statement in statements(deployment, {}):
            cursor.execute(statement)
        cursor.execute("create table marts.seen (a int)")
        cursor.execute("grant select on marts.seen to role starlift_readers")
        cursor.execute("create user reader password 'Reader123'")
        cursor.execute("grant role starlift_readers to reader")
        cursor.execute("set session authorization reader")
        cursor.execute("select * from marts.seen")
        with pytest.raises(redshift_connector.ProgrammingError, match="permission denied"):
            cursor.execute("create table marts.mine (a int)")
