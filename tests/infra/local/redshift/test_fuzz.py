"""What clients should not send: noise, halves, giants; and whether the others notice.

The fixture `servers` fails when a session ended with an exception of the gateway's own.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time

import psycopg
import pytest

from .conftest import Schema, Servers
from .raw_client import SYNC, RawClient, bind, execute, message, parse, query
from .statements import mutated

pytestmark = pytest.mark.slow


def kinds(found: list[tuple[str, bytes]]) -> str:
    return "".join(kind for kind, _ in found)


def test_portals_give_rows_in_pieces(servers: Servers) -> None:
    rows = "select 1 as a union all select 2 union all select 3 order by 1"
    with RawClient(servers) as client:
        client.send(query("begin") + parse("s", rows) + bind("p", "s") + execute("p", 2) + SYNC)
        client.until("Z")
        assert kinds(client.until("Z")) == "12DDsZ"
        client.send(execute("p", 2) + SYNC)
        assert kinds(client.until("Z")) == "DCZ"
        client.send(execute("p", 2) + SYNC)
        assert client.until("Z")[0] == ("C", b"SELECT 0\0")
        client.send(message("C", b"Pp\0") + execute("p") + SYNC)
        assert kinds(client.until("Z")) == "3EZ"


def test_an_error_skips_to_sync_and_the_session_goes_on(servers: Servers) -> None:
    with RawClient(servers) as client:
        client.send(parse("", "select nonsense") + bind("", "") + execute("") + SYNC)
        assert kinds(client.until("Z")) == "EZ"
        client.send(parse("", "select 1") + bind("", "") + execute("") + SYNC)
        assert kinds(client.until("Z")) == "12DCZ"


@pytest.mark.parametrize("seed", range(3))
def test_random_messages(servers: Servers, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    with servers.psycopg() as bystander:
        for _ in range(40):
            with RawClient(servers) as client, contextlib.suppress(OSError):
                for _ in range(rng.randrange(1, 8)):
                    client.send(noise(rng))
                client.sock.shutdown(socket.SHUT_WR)
                found = kinds(client.until("nothing"))
                assert found == "" or set(found) <= set("123CDEIKNRSTZnstv"), found
        assert bystander.execute("select 1").fetchone() == (1,)


def noise(rng: random.Random) -> bytes:
    """A message: right, with random contents, or with a length that is not its own."""
    letter = rng.choice("PBDECSHQXdcfp?")
    payload = rng.choice(
        [rng.randbytes(rng.randrange(40)), b"\0" * 6, b"s\0select 1\0\0\0", b"Ss\0"]
    )
    match rng.randrange(5):
        case 0:
            return parse("s", "select 1") + bind("", "s") + execute("", rng.randrange(3)) + SYNC
        case 1:
            return message(letter, payload)
        case 2:
            return message(letter, payload)[: rng.randrange(1, 12)]
        case 3:
            return (
                letter.encode()
                + struct.pack("!I", rng.choice([0, 3, 4, 2**31, 2**32 - 1]))
                + payload
            )
        case _:
            return query(mutated(rng) if rng.random() < 0.2 else "select 1")


def test_random_start_ups(servers: Servers) -> None:
    rng = random.Random(1)  # noqa: S311
    with servers.psycopg() as bystander:
        for _ in range(100):
            body = rng.choice([196608, 196610, 80877102, 80877104, rng.randrange(2**32)])
            data = struct.pack("!I", body) + rng.randbytes(rng.randrange(60))
            size = rng.choice([len(data) + 4, len(data) + 4, 8, 2**31, 0])
            sock = socket.create_connection(("127.0.0.1", servers.port), timeout=20)
            with sock, contextlib.suppress(OSError):
                sock.sendall(struct.pack("!I", size) + data)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(4096):
                    pass
        assert bystander.execute("select 1").fetchone() == (1,)
    with RawClient(servers, options="-c 'search_path=x") as client:
        assert client.take() == ("", b"")


@pytest.mark.parametrize("seed", range(2))
def test_random_statements(servers: Servers, schema: Schema, seed: int) -> None:
    rng = random.Random(100 + seed)  # noqa: S311
    schema.run("create table t (a int, b int, c varchar(10), id int)")
    schema.run("set statement_timeout to 3000")
    done = failed = 0
    for _ in range(150):
        sql = mutated(rng)
        try:
            with schema.connection.transaction():
                schema.connection.execute(sql.encode())
                raise psycopg.Rollback
        except psycopg.OperationalError as error:
            assert not schema.connection.closed, f"{sql!r}: {error}"
        except psycopg.Error as error:
            failed += 1
            assert "internal error" not in str(error), f"{sql!r}: {error}"
        else:
            done += 1
    assert done > 3
    assert failed > 30


def test_a_huge_statement_keeps_nobody_waiting(schema: Schema, servers: Servers) -> None:
    schema.run("create table t (a int, b varchar(400))")
    rows = ", ".join(f"({number}, 'it''s {'x' * 300}')" for number in range(30_000))
    sql = f"insert into t values {rows}"
    assert len(sql) > 9_000_000
    slowest = 0.0
    done = threading.Event()

    def look() -> None:
        nonlocal slowest
        with servers.psycopg() as other:
            while not done.wait(0.01):
                start = time.monotonic()
                other.execute("select 1")
                slowest = max(slowest, time.monotonic() - start)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        schema.run(sql)
    finally:
        done.set()
        thread.join()
    assert schema.value("select count(*) from t") == 30_000
    assert slowest < 2


def test_limits_are_clean_errors(servers: Servers) -> None:
    with servers.psycopg() as connection:
        with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="Statement is too large"):
            connection.execute(f"select '{'x' * 17_000_000}'")
        # PostgreSQL's parser gives up first: "memory exhausted", a syntax error.
        with pytest.raises((psycopg.errors.StatementTooComplex, psycopg.errors.SyntaxError)):
            connection.execute("select " + "(" * 30_000 + "1" + ")" * 30_000)
        assert connection.execute("select 1").fetchone() == (1,)
