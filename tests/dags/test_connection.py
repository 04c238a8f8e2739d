"""The warehouse's connection as Airflow's hook opens it: it waits for COPY, not for the dead."""

import contextlib
import json
import socket

import pytest

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
