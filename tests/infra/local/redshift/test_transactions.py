"""Transactions: TRUNCATE, DDL, snapshots, conflicts, swapped tables, locks, lost sessions."""

from __future__ import annotations

import datetime
import re
import threading
from typing import Any

import psycopg
import pytest

from .conftest import Schema, Servers, wait_until

pytestmark = pytest.mark.slow

D, TS = datetime.date, datetime.datetime


def test_truncate_commits(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int)")
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute(f"insert into {schema.name}.t values (1)")
    cursor.execute(f"truncate {schema.name}.t")
    assert not connection.in_transaction
    cursor.execute(f"insert into {schema.name}.t values (2)")
    connection.rollback()
    assert schema.value("select count(*) from t") == 0
    connection.close()


def test_ddl_is_transactional(servers: Servers, schema: Schema) -> None:
    with servers.psycopg(autocommit=False) as connection:
        connection.execute(f"create table {schema.name}.t (a int) diststyle all")
        connection.execute(f"create view {schema.name}.v as select 1 as a with no schema binding")
        connection.rollback()
    assert schema.run(f"show tables from schema {schema.name}") == []


def test_transactions_read_one_snapshot(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int)")
    with servers.psycopg(autocommit=False) as reader:
        count = f"select count(*) from {schema.name}.t"
        assert reader.execute(count).fetchone() == (0,)
        schema.run("insert into t values (1)")
        assert reader.execute(count).fetchone() == (0,)
        reader.commit()
        assert reader.execute(count).fetchone() == (1,)


def test_writing_the_same_row_is_error_1023(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int, b int)")
    schema.run("insert into t values (1, 0)")
    with servers.psycopg(autocommit=False) as late:
        late.execute(f"select * from {schema.name}.t")
        schema.run("update t set b = 1")
        with pytest.raises(psycopg.errors.InternalError_) as caught:
            late.execute(f"update {schema.name}.t set b = 2")
    natural = caught.value.diag
    # The same fields as those of the injected one (test_faults.py): what retries look at.
    schema.run("select starlift_gateway.fail_next('serializable_isolation', '^update t')")
    with pytest.raises(psycopg.errors.InternalError_) as caught:
        schema.run("update t set b = 3")
    injected = caught.value.diag
    assert natural.sqlstate == injected.sqlstate == "XX000"
    assert natural.message_primary == injected.message_primary == "1023"
    detail = re.compile(
        r"Serializable isolation violation on table - \d+, transactions .*\(pid:\d+\)"
    )
    assert detail.fullmatch(natural.message_detail or "")
    assert detail.fullmatch(injected.message_detail or "")


def swap(servers: Servers, schema: str) -> psycopg.Connection[Any]:
    """What dbt does to a table, up to before its commit."""
    connection = servers.psycopg(autocommit=False)
    connection.execute(f"create table {schema}.t_new as select 2 as a")
    connection.execute(f"alter table {schema}.t rename to t_old")
    connection.execute(f"alter table {schema}.t_new rename to t")
    return connection


def test_a_table_swapped_since_the_snapshot_is_a_conflict_not_an_empty_table(
    servers: Servers, schema: Schema
) -> None:
    schema.run("create table t as select 1 as a")
    schema.run("create table other as select 1 as a")
    with servers.psycopg(autocommit=False) as reader:
        reader.execute(f"select * from {schema.name}.other")
        with swap(servers, schema.name) as swapper:
            swapper.commit()
        with pytest.raises(psycopg.errors.InternalError_) as caught:
            reader.execute(f"select * from {schema.name}.t")
    natural = caught.value.diag
    schema.run("select starlift_gateway.fail_next('concurrent_transaction', '^drop table t')")
    with pytest.raises(psycopg.errors.InternalError_) as caught:
        schema.run("drop table t")
    assert natural.message_primary == caught.value.diag.message_primary
    assert natural.sqlstate == caught.value.diag.sqlstate == "XX000"


def test_a_transaction_that_waits_for_a_swap_first_reads_the_new_table(
    servers: Servers, schema: Schema
) -> None:
    schema.run("create table t as select 1 as a")
    swapper = swap(servers, schema.name)
    rows: list[Any] = []

    def read() -> None:
        with servers.psycopg(autocommit=False) as reader:
            rows.append(reader.execute(f"select a from {schema.name}.t").fetchall())

    thread = threading.Thread(target=read)
    thread.start()
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    with servers.postgres() as admin:
        wait_until(lambda: admin.execute(waiting).fetchone() == (1,), "the reader's wait")
    swapper.commit()
    thread.join(timeout=20)
    assert rows == [[(2,)]]
    swapper.close()


def test_lock_table_makes_others_wait_and_see_the_result(servers: Servers, schema: Schema) -> None:
    schema.run("create table lock_me (a int)")
    schema.run("create table t (a int)")
    first = servers.psycopg(autocommit=False)
    first.execute(f"lock table {schema.name}.lock_me")
    first.execute(f"insert into {schema.name}.t values (1)")
    rows: list[Any] = []

    def second() -> None:
        with servers.psycopg(autocommit=False) as connection:
            connection.execute(f"lock {schema.name}.lock_me")
            rows.append(connection.execute(f"select a from {schema.name}.t").fetchall())

    thread = threading.Thread(target=second)
    thread.start()
    waiting = "select count(*) from pg_locks where not granted"
    with servers.postgres() as admin:
        wait_until(lambda: admin.execute(waiting).fetchone() == (1,), "the second's wait")
    first.commit()
    thread.join(timeout=20)
    assert rows == [[(1,)]]
    first.close()


def test_schema_creation_races_are_harmless(servers: Servers, schema: Schema) -> None:
    schema.run(f"create schema if not exists {schema.name}")
    with pytest.raises(psycopg.errors.DuplicateSchema):
        schema.run(f"create schema {schema.name}")


def test_a_commit_of_a_lost_session_is_not_pretended(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int)")
    connection = servers.psycopg(autocommit=False)
    connection.execute(f"insert into {schema.name}.t values (1)")
    schema.run("select pg_terminate_backend(%s)", connection.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        connection.commit()
    assert schema.value("select count(*) from t") == 0
