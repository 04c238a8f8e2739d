"""The protocol with real clients: login, simple and extended protocol, cancel, leaving."""

from __future__ import annotations

import contextlib
import datetime
import socket
import struct
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psutil
import psycopg
import pytest
import redshift_connector

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


def test_redshift_connector_reads_every_type(servers: Servers) -> None:
    connection = servers.redshift(application_name="x")
    cursor = connection.cursor()
    cursor.execute(
        "select 1::smallint, 2, 3::bigint, 1.5::real, 2.5::double precision, 1.25::numeric(5,2), "
        "true, 'é'::varchar(5), 'c'::char(3), date '2020-02-29', "
        "timestamp '2020-01-02 03:04:05.678901', timestamptz '2020-01-02 03:04:05+02', null"
    )
    assert cursor.fetchall() == (
        [
            1, 2, 3, 1.5, 2.5, Decimal("1.25"), True, "é", "c  ", datetime.date(2020, 2, 29),
            datetime.datetime(2020, 1, 2, 3, 4, 5, 678901),
            datetime.datetime(2020, 1, 2, 1, 4, 5, tzinfo=datetime.UTC), None,
        ],
    )  # fmt: skip
    connection.close()


def test_prepared_parameters_are_inferred_and_reused(servers: Servers) -> None:
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute("create temp table p (a integer, b varchar(9), c numeric(9,2), d timestamp)")
    values = [
        (1, "x", Decimal("1.50"), datetime.datetime(2020, 1, 1)),
        (None, None, None, None),
        (70000, "ü", 3, datetime.datetime(2021, 1, 1)),
    ]
    cursor.executemany("insert into p values (%s, %s, %s, %s)", values)
    cursor.execute("select a from p where b = %s and d > %s", ("x", datetime.datetime(2019, 1, 1)))
    assert cursor.fetchall() == ([1],)
    cursor.execute("select a from p where b = %s and d > %s", ("ü", datetime.datetime(2019, 1, 1)))
    assert cursor.fetchall() == ([70000],)
    assert cursor.execute("select count(*) from p").fetchall() == ([3],)
    connection.close()


def test_text_is_character_varying_on_the_wire(servers: Servers) -> None:
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute("select 'a', md5('a'), 'b'::text, 1 || 'c'")
    assert [column[1] for column in cursor.description] == [1043] * 4
    connection.close()


def test_wrong_password_user_and_database_are_refused(servers: Servers) -> None:
    for wrong in ({"password": "no"}, {"user": "postgres", "password": "pg-secret"}):
        with pytest.raises(
            redshift_connector.InterfaceError, match="password authentication failed"
        ):
            servers.redshift(**wrong)
    with pytest.raises(redshift_connector.Error, match='database "nope" does not exist'):
        servers.redshift(database="nope")


def test_the_server_says_it_is_redshift(servers: Servers) -> None:
    with servers.psycopg() as connection:
        assert connection.info.parameter_status("server_version") == "8.0.2"
        row = connection.execute("select version()").fetchone()
        assert row is not None
        assert "Redshift 1.0." in row[0]
        assert row[0].startswith("PostgreSQL 8.0.2 ")


def test_start_up_settings_are_taken(servers: Servers) -> None:
    with servers.psycopg(options="-c search_path=pg_catalog -c geqo=off") as connection:
        assert connection.execute("show search_path").fetchone() == ("pg_catalog",)


def test_several_statements_are_one_transaction(schema: Schema) -> None:
    schema.run("create table t (a int)")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        schema.connection.execute("insert into t values (1); select bogus")
    assert schema.value("select count(*) from t") == 0
    schema.connection.execute("insert into t values (1); insert into t values (2)")
    assert schema.value("select count(*) from t") == 2


def test_several_statements_give_several_results(servers: Servers) -> None:
    with servers.psycopg() as connection:
        cursor = connection.execute("select 1; select 2 where false; create temp table z (a int)")
        assert cursor.fetchall() == [(1,)]
        assert cursor.nextset()
        assert cursor.fetchall() == []
        assert cursor.nextset()
        assert cursor.statusmessage == "CREATE TABLE"
        assert not cursor.nextset()


def test_an_empty_query_is_answered(servers: Servers) -> None:
    with servers.psycopg() as connection:
        connection.execute(" ; -- nothing")
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("select nvl(1, 2), bogus", "bogus"),
        ("select 1; select getdate(), datediff(day, bogus, getdate())", "bogus"),
        ("select 1 from nowhere.nothing", "nowhere.nothing"),
        ("select 1, to_json(1)", "to_json"),
        ("select a::varbyte from (select 1 as a) x", "varbyte"),
    ],
)
def test_error_positions_are_the_clients(servers: Servers, sql: str, place: str) -> None:
    with servers.psycopg() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(sql)
    assert caught.value.diag.statement_position == str(sql.index(place) + 1)
    assert caught.value.diag.severity == "ERROR"


def test_a_refusal_fails_the_transaction_in_both_protocols(servers: Servers) -> None:
    with servers.psycopg(autocommit=False) as connection:
        connection.execute("create temp table r (a int)")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute("create index i on r (a)")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("select 1")
        connection.rollback()
        assert connection.execute("select 1").fetchone() == (1,)
    extended = servers.redshift()
    cursor = extended.cursor()
    with pytest.raises(redshift_connector.ProgrammingError, match="CREATE INDEX is not supported"):
        cursor.execute("create index i on r (a)")
    with pytest.raises(redshift_connector.ProgrammingError, match="current transaction is aborted"):
        cursor.execute("select 1")
    extended.rollback()
    assert cursor.execute("select 1").fetchall() == ([1],)
    extended.close()


def test_binary_and_text_results(servers: Servers) -> None:
    with servers.psycopg() as connection:
        for binary in (True, False):
            cursor = connection.cursor(binary=binary)
            cursor.execute("select 7::bigint, 1.5::numeric(3,1), date '2020-01-01', 'x'")
            assert cursor.fetchone() == (7, Decimal("1.5"), datetime.date(2020, 1, 1), "x")


def test_pipelines_and_named_statements(servers: Servers) -> None:
    with servers.psycopg() as connection:
        connection.execute("create temp table n (a int)")
        with connection.pipeline():
            for number in range(50):
                connection.execute("insert into n values (%s)", (number,), prepare=True)
            cursor = connection.execute("select sum(a) from n")
        assert cursor.fetchone() == (sum(range(50)),)


def test_cursors_fetch_in_pieces(servers: Servers) -> None:
    with servers.psycopg(autocommit=False) as connection:
        connection.execute("declare c cursor for select 1 union all select 2 union all select 3")
        assert connection.execute("fetch forward 2 from c").fetchall() == [(1,), (2,)]
        assert connection.execute("fetch 2 from c").fetchall() == [(3,)]
        connection.execute("close c")


def test_a_result_larger_than_all_buffers(schema: Schema) -> None:
    schema.run("create table big (a varchar(1000))")
    schema.run(f"insert into big values ('{'x' * 1000}')")
    for _ in range(14):
        schema.run("insert into big select a from big")
    rows = schema.run("select a from big")
    assert len(rows) == 2**14
    assert all(row == ("x" * 1000,) for row in rows)


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


def test_client_copy_is_refused(servers: Servers) -> None:
    with servers.psycopg() as connection, pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("copy t from stdin")


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
