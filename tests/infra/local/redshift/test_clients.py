"""What SQL clients ask by themselves, and how they speak: psql, pgjdbc, psycopg, asyncpg."""

from __future__ import annotations

import asyncio
import datetime
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
import pytest

from . import raw_client as raw
from .conftest import DATABASE, PASSWORD, USER, Schema, Servers

pytestmark = pytest.mark.slow

# As psql 8.0, which the server says it is, and its successors ask for \\d table and others.
DESCRIBE = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
  (SELECT substring(pg_catalog.pg_get_expr(d.adbin, d.adrelid) for 128) FROM pg_catalog.pg_attrdef d
   WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull, a.attnum
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = 'asked'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
FIND = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname OPERATOR(pg_catalog.~) '^(asked)$' COLLATE pg_catalog.default
  AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2
"""
JDBC_TABLES = """
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME,
  CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'
    WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END
    ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS
FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_description d
  ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass)
WHERE c.relnamespace = n.oid AND c.relname LIKE 'asked' AND n.nspname = current_schema()
"""
JDBC_COLUMNS = """
SELECT c.attname, c.typname, c.attnotnull, c.attnum FROM (
  SELECT a.attname, t.typname, a.attnotnull,
    row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid)
  JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid)
  JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid)
  LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum)
  LEFT JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid)
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname LIKE 'asked'
    AND n.nspname = current_schema()) c
ORDER BY attnum
"""


def test_tables_and_columns_are_described(schema: Schema) -> None:
    schema.run("create table asked (a int not null default 1, b varchar(10))")
    schema.run("comment on table asked is 'why'")
    expected: dict[str, list[tuple[Any, ...]]] = {
        DESCRIBE: [
            ("a", "integer", "1", True, 1),
            ("b", "character varying(10)", None, False, 2),
        ],
        FIND: [(schema.name, "asked")],
        JDBC_TABLES: [(None, schema.name, "asked", "TABLE", "why")],
        JDBC_COLUMNS: [("a", "int4", True, 1), ("b", "varchar", False, 2)],
    }
    for sql, rows in expected.items():
        assert schema.run(sql) == rows, sql


def test_what_drivers_ask_at_the_start(schema: Schema) -> None:
    assert schema.value("SHOW TRANSACTION ISOLATION LEVEL") == "read committed"
    assert schema.value("select pg_catalog.version()").startswith("PostgreSQL 8.0.2")
    for setting in ("extra_float_digits = 3", "application_name = 'x'", "DateStyle = 'ISO'"):
        schema.run(f"SET {setting}")
    names = schema.run(
        "SELECT db.oid, db.* FROM pg_catalog.pg_database db "
        "WHERE 1 = 1 AND datallowconn AND NOT datistemplate ORDER BY db.datname"
    )
    assert len(names) >= 1


def test_what_is_not_there_is_said_by_name(schema: Schema) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="SET TRANSACTION"):
        schema.run("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    with pytest.raises(psycopg.errors.UndefinedFunction, match="to_regtype"):
        schema.run("SELECT oid FROM pg_type WHERE oid = to_regtype('int4')")
    for sql in ("show standard_conforming_strings", "set standard_conforming_strings to off"):
        with pytest.raises(psycopg.errors.UndefinedObject, match="unrecognized configuration"):
            schema.run(sql)


def test_jdbc_drivers_name_a_level_or_read_only(schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
    schema.run("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        schema.run("insert into t values (1)")
    schema.run("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
    schema.run("insert into t values (1)")


def test_backslashes_in_parameters_arrive(servers: Servers) -> None:
    """libpq escapes them, as the server does not say that literals conform to the standard."""
    with servers.psycopg(cursor_factory=psycopg.ClientCursor) as connection:
        assert connection.info.parameter_status("standard_conforming_strings") is None
        assert connection.execute("select %s", ("a\\b\\'c",)).fetchone() == ("a\\b\\'c",)


def test_what_is_refused_fails_when_it_is_prepared(servers: Servers) -> None:
    with servers.psycopg(autocommit=False) as connection:
        connection.execute("select 1")
        found = connection.pgconn.prepare(b"x", b"savepoint s")
        assert b"SAVEPOINT is not supported" in found.error_message
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("select 1")
        connection.rollback()
        assert connection.execute("select %s::int", (1,), prepare=True).fetchone() == (1,)


def test_copy_over_the_protocol_is_refused_and_the_session_goes_on(servers: Servers) -> None:
    with servers.psycopg() as connection, connection.cursor() as cursor:
        refused = pytest.raises(psycopg.errors.FeatureNotSupported, match="COPY FROM STDIN")
        with refused, cursor.copy("copy t from stdin") as copy:
            copy.write(b"1\n")
        assert cursor.execute("select 1").fetchone() == (1,)
    with raw.RawClient(servers) as client:  # one that sends rows without waiting
        client.send(raw.query("copy t from stdin") + raw.message("d", b"1\n") + raw.message("c"))
        assert [kind for kind, _ in client.until("Z")] == ["E", "Z"]
        client.send(raw.message("f", b"why\0") + raw.query("select 1"))
        assert [kind for kind, _ in client.until("Z")] == ["T", "D", "C", "Z"]


async def _asyncpg(servers: Servers) -> list[Any]:
    where = {"host": "127.0.0.1", "port": servers.port, "database": DATABASE, "ssl": False}
    connection = await asyncpg.connect(user=USER, password=PASSWORD, **where)
    try:
        await connection.execute("create temp table t (a int, n numeric(10, 2), d date)")
        day = datetime.date(2024, 1, 2)
        await connection.execute("insert into t values ($1, $2, $3)", 1, Decimal("1.50"), day)
        await connection.executemany("insert into t (a) values ($1)", [(2,), (3,)])
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="COPY FROM STDIN"):
            await connection.copy_records_to_table("t", records=[(1,)], columns=["a"])
        async with connection.transaction():
            seen = [row["a"] async for row in connection.cursor("select a from t", prefetch=1)]
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.fetch("select nothing from t")
        rows = await connection.fetch("select n / $1, d from t where a = 1", Decimal("2.00"))
        await connection.reset()  # what a pool does
        return [seen, *map(tuple, rows)]
    finally:
        await connection.close()


def test_asyncpg(servers: Servers) -> None:
    found = asyncio.run(_asyncpg(servers))
    assert found == [[1, 2, 3], (Decimal("0.75"), datetime.date(2024, 1, 2))]


def test_named_cursors_of_psycopg2(servers: Servers) -> None:
    """What it sends for a cursor with a name, and for one with `scrollable=False`."""
    with servers.psycopg(autocommit=False) as connection:
        for options in ("", "NO SCROLL "):
            connection.execute(f'DECLARE "named" {options}CURSOR WITHOUT HOLD FOR select 1 as a')
            assert connection.execute('FETCH FORWARD 2000 FROM "named"').fetchall() == [(1,)]
            connection.execute('CLOSE "named"')


def test_psycopg2_sets_sessions(servers: Servers) -> None:
    """What its set_session and SQLAlchemy's AUTOCOMMIT send outside of transactions."""
    with servers.psycopg() as connection:
        connection.execute("SET default_transaction_isolation TO 'read committed'")
        connection.execute("SET default_transaction_read_only TO 'on'")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table not_made (a int)")
        connection.execute("SET default_transaction_isolation TO DEFAULT")
        connection.execute("SET default_transaction_read_only TO DEFAULT")
        connection.execute("create temp table made (a int)")
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            connection.execute("set default_transaction_isolation to 'chaos'")
        connection.execute("reset default_transaction_isolation")
        assert connection.execute("show transaction isolation level").fetchone() is not None
