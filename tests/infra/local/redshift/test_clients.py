"""What SQL clients ask the catalog by themselves: psql, pgjdbc, DBeaver, SQLAlchemy."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from .conftest import Schema

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
    assert schema.value("show standard_conforming_strings") == "on"
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
        schema.run("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    with pytest.raises(psycopg.errors.UndefinedFunction, match="to_regtype"):
        schema.run("SELECT oid FROM pg_type WHERE oid = to_regtype('int4')")
