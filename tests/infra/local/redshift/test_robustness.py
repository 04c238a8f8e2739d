"""PostgreSQL restarts, the gateway is killed, both stop cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from .conftest import (
    DATABASE,
    PASSWORD,
    PROJECT,
    USER,
    free_port,
    listening,
    start_gateway,
    start_postgres,
    stop,
    wait_until,
)

pytestmark = pytest.mark.slow


def connect(port: int) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname=DATABASE, autocommit=True
    )


def test_restarts_and_kills(tmp_path: Path) -> None:
    postgres_port = free_port()
    data, log = tmp_path / "pg", tmp_path / "pg.log"
    postgres = start_postgres(data, postgres_port, log)
    gateway, port = start_gateway(postgres_port, 1, tmp_path / "gateway.log")
    try:
        session = connect(port)
        session.execute("create schema s")
        session.execute("create table s.t (a int)")
        session.execute("insert into s.t values (1)")

        # PostgreSQL goes: a clean error. It comes back: new sessions work, the old stay ended.
        assert stop(postgres) == 0
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            session.execute("select 1")
        with pytest.raises(psycopg.OperationalError, match="PostgreSQL behind the gateway"):
            connect(port)
        postgres = start_postgres(data, postgres_port, log)
        with connect(port) as again:
            assert again.execute("select a from s.t").fetchall() == [(1,)]

        # The gateway is killed in mid-transaction: PostgreSQL rolls back and frees the lock.
        open_transaction = connect(port)
        open_transaction.execute("begin; lock table s.t; insert into s.t values (2)")
        gateway.kill()
        gateway.wait(timeout=20)
        gateway, port = start_gateway(postgres_port, 1, tmp_path / "gateway.log", port)
        with connect(port) as after:
            after.execute("set statement_timeout to 10000")
            after.execute("insert into s.t values (3)")
            assert after.execute("select a from s.t order by a").fetchall() == [(1,), (3,)]

        # SIGTERM with sessions open: they end, the exit code is 0, the port is free.
        lasting = connect(port)
        assert stop(gateway) == 0
        assert not listening(port)
        with pytest.raises(psycopg.OperationalError):
            lasting.execute("select 1")
    finally:
        for process in (gateway, postgres):
            stop(process)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    postgres_port = free_port()
    postgres = start_postgres(tmp_path / "pg", postgres_port, tmp_path / "pg.log")
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "infra.local.redshift",
                "--port",
                str(postgres_port),
                "--postgres-port",
                str(postgres_port),
                "--database",
                DATABASE,
            ],
            cwd=PROJECT,
            env={**os.environ, "REDSHIFT_PASSWORD": "x", "STARLIFT_POSTGRES_PASSWORD": "pg-secret"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert f"cannot listen on 127.0.0.1:{postgres_port}" in done.stderr
    finally:
        stop(postgres)


def test_missing_settings_are_named() -> None:
    clean = {k: v for k, v in os.environ.items() if "PASSWORD" not in k}
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.redshift", "--postgres-port", "1"],
        cwd=PROJECT, env=clean, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Set REDSHIFT_PASSWORD" in done.stderr


def test_postgres_dies_with_its_parent(tmp_path: Path) -> None:
    port = free_port()
    process = start_postgres(tmp_path / "pg", port, tmp_path / "pg.log")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    wait_until(lambda: not listening(port), "PostgreSQL's end")
