"""COPY beside clients that vanish, cancel or are told notices, and in bounded memory."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import psutil
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import ROLE, Lake, Schema, Servers, wait_until

pytestmark = pytest.mark.slow


def test_a_client_that_vanishes_during_copy_loads_nothing(
    servers: Servers, schema: Schema, lake: Lake
) -> None:
    schema.run("create table t (a integer)")
    lake.parquet("0.parquet", pa.table({"a": pa.array(range(3_000_000), pa.int32())}))
    other = servers.psycopg()
    pid = other.info.backend_pid
    thread = threading.Thread(
        target=_ignore_errors,
        args=(other, f"copy {schema.name}.t from '{lake.url}/' {ROLE} parquet"),
    )
    thread.start()
    with servers.postgres() as admin:
        copying = f"select 1 from pg_stat_progress_copy where pid = {pid}"
        wait_until(lambda: admin.execute(copying).fetchone(), "the COPY's start")
        socket.socket(fileno=other.fileno()).shutdown(socket.SHUT_RDWR)
        thread.join()
        there = f"select 1 from pg_stat_activity where pid = {pid}"
        wait_until(lambda: admin.execute(there).fetchone() is None, "the session's end", 10)
    assert schema.value("select count(*) from t") == 0


def test_cancel_stops_a_copy(servers: Servers, schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a integer)")
    lake.parquet("0.parquet", pa.table({"a": pa.array(range(3_000_000), pa.int32())}))
    with servers.psycopg() as other, servers.postgres() as admin:
        copying = f"select 1 from pg_stat_progress_copy where pid = {other.info.backend_pid}"

        def cancel() -> None:
            wait_until(lambda: admin.execute(copying).fetchone(), "the COPY's start")
            other.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            other.execute(f"copy {schema.name}.t from '{lake.url}/' {ROLE} parquet")
        thread.join()
        assert other.execute("select 1").fetchone() == (1,)
    assert schema.value("select count(*) from t") == 0


def test_notices_do_not_cut_a_load_short(servers: Servers, schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a integer)")
    with servers.postgres() as admin:
        admin.execute(
            f"create function {schema.name}.say() returns trigger language plpgsql as "
            "$$ begin if new.a % 10000 = 5 then raise notice 'row %', new.a; end if; "
            "return new; end $$"
        )
        admin.execute(
            f"create trigger say before insert on {schema.name}.t "
            f"for each row execute function {schema.name}.say()"
        )
    lake.parquet("0.parquet", pa.table({"a": pa.array(range(200_000), pa.int32())}))
    told: list[str] = []
    schema.connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    assert schema.value("select count(*) from t") == 200_000
    assert told[:2] == ["row 5", "row 10005"]
    assert len(told) == 21  # the last is COPY's own


def _ignore_errors(connection: psycopg.Connection[Any], sql: str) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute(sql)


def test_large_files_stream_in_bounded_memory(servers: Servers, schema: Schema, lake: Lake) -> None:
    rows = 1_000_000
    schema.run("create table t (a integer, b varchar(40))")
    data = pa.table(
        {
            "a": pa.array(range(rows), pa.int32()),
            "b": pa.array([f"{i:040d}" for i in range(rows)]),
        }
    )
    pq.write_table(data, lake.root / "0.parquet", row_group_size=100_000)
    gateway = psutil.Process(servers.pid)
    before = gateway.memory_info().rss
    schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    assert schema.run("select count(*), sum(a), max(b) from t") == [
        (rows, rows * (rows - 1) // 2, f"{rows - 1:040d}")
    ]
    assert gateway.memory_info().rss - before < 150 * 1024 * 1024
