"""How sessions end and what they keep: cancel, leaving, broken messages, slow readers, memory."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pytest

from .conftest import Schema, Servers, wait_until
from .raw_client import SYNC, RawClient, bind, execute, parse, query

pytestmark = pytest.mark.slow


def raw(servers: Servers) -> socket.socket:
    return socket.create_connection(("127.0.0.1", servers.port), timeout=10)


def sessions(servers: Servers, where: str) -> int:
    with servers.postgres() as admin:
        row = admin.execute(
            f"select count(*) from pg_stat_activity where usename = 'starlift' and {where}"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_cancel_stops_the_statement_and_keeps_the_session(servers: Servers) -> None:
    with servers.psycopg() as connection:
        cross = " cross join ".join(["(select 1 union all select 2 union all select 3) as x"] * 1)
        tables = " cross join ".join(f"numbers as n{i}" for i in range(12))
        sql = (
            f"with numbers as (select 1 as a from {cross} cross join "
            "(select 1 union all select 2 union all select 3) as y) "
            f"select count(*) from {tables}"
        )
        timer = threading.Timer(0.5, connection.cancel)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(sql)
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_wrong_cancel_key_cancels_nothing(servers: Servers) -> None:
    with servers.psycopg() as connection, raw(servers) as sock:
        sock.sendall(struct.pack("!IIII", 16, 80877102, connection.info.backend_pid, 12345))
        assert sock.recv(1) == b""
        assert connection.execute("select 1").fetchone() == (1,)


def test_leaving_without_a_word_rolls_back_at_once(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int)")
    other = servers.psycopg(autocommit=False)
    other.execute(f"insert into {schema.name}.t values (1)")
    other.execute(f"lock table {schema.name}.t")
    pid = other.info.backend_pid
    socket.socket(fileno=other.fileno()).close()  # the peer disappears in mid-transaction
    wait_until(lambda: sessions(servers, f"pid = {pid}") == 0, "the session's end", 5)
    assert schema.value("select count(*) from t") == 0
    other.close()


def test_leaving_during_a_statement_stops_it(servers: Servers) -> None:
    other = servers.psycopg()
    pid = other.info.backend_pid
    tables = " cross join ".join(f"pg_catalog.pg_class as n{i}" for i in range(8))
    thread = threading.Thread(
        target=_run_ignoring_errors, args=(other, f"select count(*) from {tables}")
    )
    thread.start()
    running = f"pid = {pid} and state = 'active'"
    wait_until(lambda: sessions(servers, running) == 1, "the statement's start")
    socket.socket(fileno=other.fileno()).shutdown(socket.SHUT_RDWR)
    thread.join()
    wait_until(lambda: sessions(servers, f"pid = {pid}") == 0, "the statement's end", 5)


def _run_ignoring_errors(connection: psycopg.Connection[Any], sql: str) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute(sql)


def test_pg_terminate_backend_ends_the_session_with_its_error(servers: Servers) -> None:
    with servers.psycopg() as one, servers.psycopg() as two:
        two.execute("select pg_terminate_backend(%s)", (one.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError, match="terminat"):
            one.execute("select 1")


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\4",
        b"\xff" * 64,
        struct.pack("!II", 9, 196608) + b"\1",
        struct.pack("!II", 8, 131072),
        struct.pack("!II", 13, 196608) + b"user\0",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_malformed_start_up_ends_that_connection_alone(servers: Servers, data: bytes) -> None:
    with servers.psycopg() as bystander:
        with raw(servers) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
        assert bystander.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "data",
    [
        b"Q\0\0\0\3",
        b"Q\xff\xff\xff\xff",
        b"Q\0\0\0\x06ab",
        b"z\0\0\0\4",
        b"P\0\0\0\x07\0\0\0",
        b"B\0\0\0\x04",
    ],
)
def test_malformed_messages_end_that_session_alone(servers: Servers, data: bytes) -> None:
    with servers.psycopg() as bystander:
        victim = servers.psycopg(sslmode="disable")
        sock = socket.socket(fileno=victim.fileno())
        sock.setblocking(True)
        sock.settimeout(10)
        sock.sendall(data)
        received = b""
        while chunk := sock.recv(4096):
            received += chunk
        assert received.startswith(b"E")
        assert b"C08P01\0" in received
        sock.detach()
        assert bystander.execute("select 1").fetchone() == (1,)


def test_many_connections_leave_nothing_behind(servers: Servers) -> None:
    gateway = psutil.Process(servers.pid)

    def one_after_another(count: int) -> None:
        for number in range(count):
            servers.psycopg(sslmode="require" if number % 10 == 0 else "disable").close()

    with servers.psycopg(sslmode="disable"):
        one_after_another(50)  # what is allocated once
        at_once = [servers.psycopg(sslmode="disable") for _ in range(64)]
        assert [c.execute("select 1").fetchone() for c in at_once] == [(1,)] * 64
        for connection in at_once:
            connection.close()
        wait_until(lambda: sessions(servers, "true") == 1, "the sessions' end")
        descriptors, memory = gateway.num_fds(), gateway.memory_info().rss
        one_after_another(2000)
        wait_until(lambda: sessions(servers, "true") == 1, "the sessions' end")
        wait_until(lambda: gateway.num_fds() <= descriptors, "the sockets' end")
        assert gateway.memory_info().rss - memory < 10_000_000


@pytest.mark.parametrize("megabytes", [4, 5, 6, 7, 8, 9, 10])
@pytest.mark.parametrize("extended", [False, True])
def test_what_came_while_the_client_did_not_read_is_sent_on(
    servers: Servers, megabytes: int, extended: bool
) -> None:
    """PostgreSQL has said everything before the client reads a byte: nobody will wake again.

    The subquery keeps the statement from those that are sent on at once.
    """
    rows = megabytes * 1000
    sql = (
        "select n, repeat('x', 1000) as filler "
        f"from (select n from generate_series(1, {rows}) as n) as numbers order by n"
    )
    steps = [parse("", sql), bind("", ""), execute(""), SYNC] if extended else [query(sql)]
    with RawClient(servers) as client:
        client.send(b"".join(steps))
        wait_until(
            lambda: (
                sessions(servers, "state = 'idle' and query like '%filler%'") == 1
                or sessions(servers, "wait_event = 'ClientWrite'") == 1
            ),
            "the statement's end, or a full connection",
        )
        received = client.until("Z")
        assert sum(kind == "D" for kind, _ in received) == rows


@pytest.mark.parametrize("prepare", [False, True])
def test_a_slow_reader_of_a_short_statement_bounds_memory(servers: Servers, prepare: bool) -> None:
    gateway = psutil.Process(servers.pid)
    sql = "select n, repeat('x', 1000) from generate_series(1, 200000) as n where n > %s"
    with servers.psycopg() as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        before = gateway.memory_info().rss
        peak, total = before, 0
        for number, text in cursor.stream(sql, (0,)) if prepare else _rows(connection, sql):
            total += number + len(text)
            if number % 1000 == 0:
                peak = max(peak, gateway.memory_info().rss)
        assert total == 200_000 * 200_001 // 2 + 200_000 * 1000
        assert peak - before < 40_000_000
        assert connection.execute("select 2").fetchone() == (2,)


def _rows(connection: psycopg.Connection[Any], sql: str) -> Iterator[tuple[int, str]]:
    """Row by row, by the simple protocol."""
    pgconn = connection.pgconn
    pgconn.send_query(sql.replace("%s", "0").encode())
    pgconn.set_single_row_mode()
    while (result := pgconn.get_result()) is not None:
        for row in range(result.ntuples):
            number, text = result.get_value(row, 0), result.get_value(row, 1)
            assert number is not None and text is not None
            yield int(number), text.decode()
