"""Faults on demand: error 1023, concurrent transactions, lost connections, in both protocols."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redshift_connector

from .conftest import DATABASE, PASSWORD, USER, Schema, Servers

pytestmark = pytest.mark.slow


def clear_faults(servers: Servers) -> None:
    with servers.psycopg() as connection:
        connection.execute("select starlift_gateway.clear_faults()")


@pytest.fixture(autouse=True)
def no_faults_left(servers: Servers) -> Iterator[None]:
    clear_faults(servers)  # random SQL of another file may have left some
    yield
    clear_faults(servers)


def fail_next(schema: Schema, kind: str, statement: str, times: int = 1) -> None:
    schema.run(f"select starlift_gateway.fail_next('{kind}', '{statement}', {times})")


def hits(schema: Schema) -> list[tuple[int, int]]:
    rules = json.loads(schema.value("select starlift_gateway.faults()"))
    return [(rule["hits"], rule["remaining"]) for rule in rules]


def test_error_1023_at_commit_rolls_the_transaction_back(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int)")
    fail_next(schema, "serializable_isolation", "^commit", 2)
    with servers.psycopg(autocommit=False) as simple:
        simple.execute(f"insert into {schema.name}.t values (1)")
        with pytest.raises(psycopg.errors.InternalError_) as caught:
            simple.commit()
        diagnosis = caught.value.diag
        assert (diagnosis.sqlstate, diagnosis.message_primary) == ("XX000", "1023")
        assert "Serializable isolation violation on table" in (diagnosis.message_detail or "")
        # The transaction is over, the session goes on.
        assert simple.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert simple.execute(f"select count(*) from {schema.name}.t").fetchone() == (0,)
        simple.rollback()
    with contextlib.closing(servers.redshift()) as extended:
        cursor = extended.cursor()
        cursor.execute(f"insert into {schema.name}.t values (2)")
        with pytest.raises(redshift_connector.ProgrammingError, match="'M': '1023'"):
            extended.commit()
        assert cursor.execute(f"select count(*) from {schema.name}.t").fetchall() == ([0],)
        cursor.execute(f"insert into {schema.name}.t values (3)")
        extended.commit()
    assert schema.run("select a from t") == [(3,)]
    assert hits(schema) == [(2, 0)]


def test_a_conflict_fails_the_statement_and_its_transaction(
    servers: Servers, schema: Schema
) -> None:
    schema.run("create table t (a int)")
    fail_next(schema, "concurrent_transaction", "^(alter|drop) table .*t$", 2)
    words = "could not complete because of conflict with concurrent transaction"
    with servers.psycopg(autocommit=False) as simple:
        simple.execute(f"insert into {schema.name}.t values (1)")
        with pytest.raises(psycopg.errors.InternalError_, match=words):
            simple.execute(f"drop table {schema.name}.t")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            simple.execute("select 1")
        simple.rollback()
    with contextlib.closing(servers.redshift()) as extended:
        cursor = extended.cursor()
        with pytest.raises(redshift_connector.ProgrammingError, match=words):
            cursor.execute(f"drop table {schema.name}.t")
        with pytest.raises(redshift_connector.ProgrammingError, match="is aborted"):
            cursor.execute("select 1")
        extended.rollback()
        cursor.execute(f"drop table {schema.name}.t")
        extended.commit()
    assert hits(schema) == [(2, 0)]


@pytest.mark.parametrize(("kind", "kept"), [("before", []), ("after", [(1,), (2,)])])
def test_a_commit_with_its_connection_lost(
    servers: Servers, schema: Schema, kind: str, kept: list[tuple[int]]
) -> None:
    schema.run("create table t (a int)")
    fail_next(schema, f"connection_lost_{kind}", "^commit", 2)
    simple = servers.psycopg(autocommit=False)
    simple.execute(f"insert into {schema.name}.t values (1)")
    with pytest.raises(psycopg.OperationalError):
        simple.commit()
    extended = servers.redshift()
    extended.cursor().execute(f"insert into {schema.name}.t values (2)")
    with pytest.raises(redshift_connector.Error):
        extended.commit()
    assert schema.run("select a from t order by a") == kept
    assert hits(schema) == [(2, 0)]


@pytest.mark.parametrize(("kind", "kept"), [("before", []), ("after", [(1,), (2,)])])
def test_a_statement_of_its_own_with_its_connection_lost(
    servers: Servers, schema: Schema, kind: str, kept: list[tuple[int]]
) -> None:
    """Outside a transaction the extended protocol commits at Sync."""
    schema.run("create table t (a int)")
    fail_next(schema, f"connection_lost_{kind}", "^insert into", 2)
    simple = servers.psycopg()
    with pytest.raises(psycopg.OperationalError):
        simple.execute(f"insert into {schema.name}.t values (1)")
    extended = servers.redshift()
    extended.autocommit = True
    with pytest.raises(redshift_connector.Error):
        extended.cursor().execute(f"insert into {schema.name}.t values (2)")
    assert schema.run("select a from t order by a") == kept


def test_a_copy_can_be_hit(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int)")
    copy = "copy {}.t from 's3://lake/faults.csv' iam_role 'arn:aws:iam::123456789012:role/x' csv"
    servers.s3().put_object(Bucket="lake", Key="faults.csv", Body=b"1\n")
    fail_next(schema, "serializable_isolation", "^copy")
    with pytest.raises(psycopg.errors.InternalError_, match="1023"):
        schema.run(copy.format(schema.name))
    fail_next(schema, "connection_lost_after", "^copy")
    with pytest.raises(psycopg.OperationalError):
        servers.psycopg().execute(copy.format(schema.name))
    assert schema.run("select a from t") == [(1,)]


def test_calls_work_prepared_too_and_say_what_is_wrong(servers: Servers) -> None:
    connection = servers.redshift()
    cursor = connection.cursor()
    call = "select starlift_gateway.fail_next('concurrent_transaction', '^vacuum')"
    for number in (1, 2):  # the same prepared statement: each execution adds a rule
        ((text,),) = cursor.execute(call).fetchall()
        assert (
            json.loads(text)
            == [
                {
                    "kind": "concurrent_transaction",
                    "statement": "^vacuum",
                    "remaining": 1,
                    "hits": 0,
                }
            ]
            * number
        )
    assert cursor.execute("select starlift_gateway.clear_faults()").fetchall() == (["[]"],)
    connection.rollback()
    for wrong, message in {
        "fail_next('nonsense', 'x')": "is no kind of fault: write one of serializable_isolation",
        "fail_next('concurrent_transaction', '(')": "invalid regular expression",
        "fail_next('concurrent_transaction', 'x', 0)": "at least 1",
        "fail_next(1, 2)": "takes literals",
        "nothing()": "is no function of starlift_gateway",
    }.items():
        with pytest.raises(redshift_connector.ProgrammingError, match=message):
            cursor.execute(f"select starlift_gateway.{wrong}")
        connection.rollback()
    connection.close()


def test_dbt_redshift_repeats_with_retry_all(
    servers: Servers, schema: Schema, tmp_path: Path
) -> None:
    """dbt-redshift 1.11.1 (`execute`) repeats 1023 only with retry_all, in a new session."""
    fail_next(schema, "serializable_isolation", "^create  ?table")
    profile: dict[str, Any] = {
        "type": "redshift", "host": "127.0.0.1", "port": servers.port, "user": USER,
        "password": PASSWORD, "dbname": DATABASE, "schema": schema.name, "sslmode": "disable",
        "threads": 1, "retries": 1, "retry_all": True,
    }  # fmt: skip
    files = {
        "dbt_project.yml": "name: faults\nprofile: faults\nversion: '1.0'\n",
        "profiles.yml": json.dumps({"faults": {"target": "x", "outputs": {"x": profile}}}),
        "models/one.sql": "{{ config(materialized='table') }} select 1 as a",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "run"],
        cwd=tmp_path,
        env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert hits(schema) == [(1, 0)], done.stdout
    assert done.returncode == 0, done.stdout
    assert schema.run("select a from one") == [(1,)]
