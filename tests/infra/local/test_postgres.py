"""The embedded PostgreSQL: first start, deep and private folders, passwords, ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import (
    Cluster,
    PostgresError,
    check_port_is_free,
    initialise,
    server_command,
)
from tests.leash import on_leash

PROJECT = Path(__file__).parents[3]
POSTGRES = (sys.executable, "-m", "infra.local.postgres")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(port: int, **options: str) -> psycopg.Connection[Any]:
    wanted = {"user": "postgres", "password": "p'w d", "dbname": "postgres", **options}
    return psycopg.connect(host="127.0.0.1", port=port, **wanted)  # type: ignore[arg-type]


@contextmanager
def running(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        on_leash([*POSTGRES, "--data", str(data), "--port", str(port)]),
        cwd=PROJECT,
        env={**os.environ, "STARLIFT_POSTGRES_PASSWORD": "p'w d"},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                connect(port).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None, "PostgreSQL ended"
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


@pytest.mark.slow
def test_it_keeps_its_data_in_a_deep_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "private folder"
    private.mkdir(mode=0o700)
    data, port = private / ("x" * 100) / ("y" * 100) / "pg", free_port()
    with running(data, port) as process:
        with connect(port) as connection:
            row = connection.execute("show server_version_num").fetchone()
            assert row is not None
            assert row[0].startswith("18")
            connection.execute("create table t as select 1 as a")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert private.stat().st_mode & 0o777 == 0o700
    with running(data, port), connect(port) as connection:
        assert connection.execute("select a from t").fetchone() == (1,)


@pytest.mark.slow
def test_the_password_is_needed(tmp_path: Path) -> None:
    port = free_port()
    with (
        running(tmp_path / "pg", port),
        pytest.raises(psycopg.OperationalError, match="password authentication failed"),
    ):
        connect(port, password="wrong")


@pytest.mark.slow
def test_an_interrupted_first_start_is_repaired(tmp_path: Path) -> None:
    data, port = tmp_path / "pg", free_port()
    (data / "base").mkdir(parents=True)
    (data / "pg_hba.conf").write_text("")
    with running(data, port), connect(port) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(PostgresError, match="choose an empty folder"):
        initialise(Cluster(tmp_path, 1, "x"))
    assert (tmp_path / "thesis.txt").read_text() == "x"


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PostgresError, match=f"Port {port} on 127.0.0.1 is in use"):
            check_port_is_free(port)


def test_it_listens_on_loopback_alone_and_has_no_unix_socket(tmp_path: Path) -> None:
    command = server_command(Cluster(tmp_path, 5, "x"))
    assert "listen_addresses=127.0.0.1" in command
    assert "unix_socket_directories=" in command
    assert "shared_buffers=128MB" in command


def test_the_password_variable_is_needed() -> None:
    clean = {k: v for k, v in os.environ.items() if k != "STARLIFT_POSTGRES_PASSWORD"}
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.postgres", "--data", "/nonexistent"],
        cwd=PROJECT, env=clean, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "STARLIFT_POSTGRES_PASSWORD" in done.stderr
