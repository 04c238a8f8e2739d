"""COPY of delimited text, CSV, fixed width and JSON from a real S3 server."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
from typing import Any

import psutil
import psycopg
import pyarrow as pa
import pytest

from .conftest import ROLE, Lake, Schema, Servers

pytestmark = pytest.mark.slow

DAY, MOMENT = datetime.date(2020, 2, 29), datetime.datetime(2020, 1, 2, 3, 4, 5)


def errors(schema: Schema, *columns: str) -> list[tuple[Any, ...]]:
    """The load errors of the schema's tables, newest load last."""
    return schema.run(
        f"select {', '.join(columns)} from stl_load_errors as e "
        "join sys_load_history as h on h.query_id = e.query "
        f"where h.data_source like '%{schema.name}%' order by e.query, line_number"
    )


def test_delimited_text_is_the_default(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int, name varchar(20), n numeric(5,1), d date, ts timestamp)")
    lake.put("a.txt", "1|Ann|1.59|2020-02-29|2020-01-02 03:04:05\n2||\\N||\n3|é|-2|\\N|\\N|\n")
    schema.run(f"copy t from '{lake.url}/a.txt' {ROLE} compupdate off statupdate on")
    assert schema.run("select id, name, n::varchar, d, ts from t order by id") == [
        (1, "Ann", "1.5", DAY, MOMENT), (2, "", None, None, None), (3, "é", "-2.0", None, None),
    ]  # fmt: skip
    assert schema.value("select pg_last_copy_count()") == 3
    assert schema.run(
        "select lines_scanned, h.file_format from stl_load_commits as c "
        "join sys_load_history as h on h.query_id = c.query where c.query = pg_last_copy_id()"
    ) == [(3, "text")]


def test_csv_over_several_files(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int, name varchar(20), n int)")
    lake.put("0.csv", 'id,name,n\r\n1,Ann,5\r\n2,,\r\n3,"a, ""b""\nc",7\r\n')
    lake.put("1.csv", "id,name,n\n4,ü,8")  # no line end
    schema.run(f"copy t from '{lake.url}/' {ROLE} csv ignoreheader 1 region 'us-east-1'")
    assert schema.run("select * from t order by id") == [
        (1, "Ann", 5), (2, "", None), (3, 'a, "b"\nc', 7), (4, "ü", 8),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["gzip", "bzip2", "zstd"])
def test_compressed_files(schema: Schema, lake: Lake, name: str) -> None:
    schema.run("create table t (id int, name varchar(20))")
    pack = {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": pa.Codec("zstd").compress}[name]
    one, two = b"1|'x|y'\n2|\n", b"3|''\n"
    packed = bytes(pack(one + two)) if name == "zstd" else pack(one) + pack(two)  # two members
    lake.put("0", packed)
    schema.run(
        f"copy t from '{lake.url}/' {ROLE} format csv delimiter '|' quote '''' {name} emptyasnull"
    )
    assert schema.run("select * from t order by id") == [(1, "x|y"), (2, None), (3, None)]
    lake.put("0", packed[: len(packed) - 5])
    with pytest.raises(psycopg.Error, match=f"cannot be read as {name.upper()}"):
        schema.run(f"copy t from '{lake.url}/' {ROLE} csv {name}")


def test_encodings(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int, name varchar(20))")
    lake.put("bom", "1|é".encode("utf-16"))
    lake.put("le", "2|ü".encode("utf-16-le"))
    lake.put("latin", "3|\xe9\n4|x".encode("latin-1"))
    schema.run(f"copy t from '{lake.url}/bom' {ROLE} encoding utf16")
    schema.run(f"copy t from '{lake.url}/le' {ROLE} encoding as utf16le")
    schema.run(f"copy t from '{lake.url}/latin' {ROLE} acceptinvchars '^'")
    assert schema.run("select * from t order by id") == [(1, "é"), (2, "ü"), (3, "^"), (4, "x")]
    with pytest.raises(psycopg.Error, match="Load into table 't' failed"):
        schema.run(f"copy t from '{lake.url}/latin' {ROLE}")
    with pytest.raises(psycopg.Error, match="Load into table 't' failed"):
        schema.run(f"copy t from '{lake.url}/bom' {ROLE} encoding utf16be maxerror 1")
    assert [row[0] for row in errors(schema, "err_code")] == [1220, 1214]


def test_fixed_width_and_short_records(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int, name varchar(9), code char(3), n int)")
    lake.put("fixed", "1 Ann xy 5\n22é       \n")
    schema.run(f"copy t from '{lake.url}/fixed' {ROLE} fixedwidth 'a:2,b:4,c:3,d:1' trimblanks")
    lake.put("short", "3|x\n4\n")
    schema.run(f"copy t from '{lake.url}/short' {ROLE} fillrecord")
    assert schema.run("select * from t order by id") == [
        (1, "Ann", "xy ", 5), (3, "x", None, None), (4, "", None, None), (22, "é", "   ", None),
    ]  # fmt: skip


def test_maxerror_skips_and_records_rows(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int not null, name varchar(3), d date)")
    lake.put("a", "1|a|2020-01-01\nx|b|\n2|long|\n3|c\n4|d||e|f\n|e|\n5|é|1.1.20\n6|f|\n")
    with pytest.raises(psycopg.Error, match=r"Check .stl_load_errors. system table"):
        schema.run(f"copy t from '{lake.url}/' {ROLE} maxerror 6")
    told: list[str] = []
    schema.connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    schema.run(f"copy t from '{lake.url}/' {ROLE} maxerror as 7")
    assert schema.run("select * from t order by id") == [
        (1, "a", datetime.date(2020, 1, 1)), (6, "f", None),
    ]  # fmt: skip
    assert told == [
        "Load into table 't' completed, 6 record(s) could not be loaded.  "
        "Check 'stl_load_errors' system table for details.",
        "Load into table 't' completed, 2 record(s) loaded successfully.",
    ]
    query = schema.value("select pg_last_copy_id()")
    assert schema.run(
        "select line_number, colname, type, col_length, err_code, err_reason, raw_field_value, "
        "raw_line, position from stl_load_errors where query = %s order by line_number",
        query,
    ) == [
        (2, "id", "int4", "", 1207, "Invalid digit, Value 'x', Pos 0, Type: Integer", "x",
         "x|b|", 0),
        (3, "name", "varchar", "3", 1204, "String length exceeds DDL length", "long", "2|long|", 0),
        (4, "", "", "", 1214, "Delimiter not found", "", "3|c", 0),
        (5, "", "", "", 1202, "Extra column(s) found", "", "4|d||e|f", 0),
        (6, "id", "int4", "", 1213, "Missing data for not-null field", "", "|e|", 0),
        (7, "d", "date", "", 1205, "Invalid Date Format - length must be 10 or more", "1.1.20",
         "5|.|1.1.20", 0),
    ]  # fmt: skip
    assert schema.run(
        "select line_number, field, colname, value from stl_loaderror_detail "
        "where query = %s and line_number in (3, 7) order by line_number, field",
        query,
    ) == [
        (3, 0, "id", "2"), (3, 1, "name", "long"),
        (7, 0, "id", "5"), (7, 1, "name", "é"), (7, 2, "d", "1.1.20"),
    ]  # fmt: skip
    assert schema.run(
        "select status, loaded_rows, error_count from sys_load_history where query_id = %s", query
    ) == [("completed", 2, 6)]
    assert schema.run(
        "select error_code, error_message, table_name from sys_load_error_detail "
        "where query_id = %s and line_number = 4",
        query,
    ) == [(1214, "Delimiter not found", "t")]
    schema.run(f"copy t from '{lake.url}/' {ROLE} ignoreallerrors")
    assert schema.value("select count(*) from t") == 4


def test_a_failed_load_leaves_nothing_but_its_errors(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int)")
    lake.put("a", "1\nx\n")
    with pytest.raises(psycopg.Error, match="Load into table 't' failed") as caught:
        schema.run(f"copy t from '{lake.url}/' {ROLE}")
    assert caught.value.diag.sqlstate == "XX000"
    assert schema.value("select count(*) from t") == 0
    assert errors(schema, "filename", "line_number", "err_code") == [(f"{lake.url}/a", 2, 1207)]


def test_noload_checks_only(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int)")
    lake.put("good", "1\n2\n")
    lake.put("wrong", "1\nx\n")
    schema.run(f"copy t from '{lake.url}/good' {ROLE} noload")
    with pytest.raises(psycopg.Error, match="Load into table 't' failed"):
        schema.run(f"copy t from '{lake.url}/wrong' {ROLE} noload")
    assert schema.value("select count(*) from t") == 0


def test_columns_defaults_identity_and_temporary_tables(schema: Schema, lake: Lake) -> None:
    schema.run("create temp table t (i bigint identity(5,1), a int, b varchar(5) default 'def')")
    lake.put("one", "1\n2\n")
    lake.put("three", "100|3|x\n")
    schema.run(f"copy t (a) from '{lake.url}/one' {ROLE}")
    schema.run(f"copy t from '{lake.url}/three' {ROLE} explicit_ids")
    assert schema.run("select * from t order by a") == [(5, 1, "def"), (6, 2, "def"), (100, 3, "x")]
    with pytest.raises(psycopg.Error, match="Load into table 't' failed"):
        schema.run(f"copy t from '{lake.url}/three' {ROLE}")


def test_a_manifest_of_text_files_needs_no_length(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int)")
    one = lake.put("one", "1\n")
    url = lake.put("m", json.dumps({"entries": [{"url": one}, {"url": f"{lake.url}/absent"}]}))
    schema.run(
        f"copy t from '{url}' credentials 'aws_access_key_id=a;aws_secret_access_key=b' manifest"
    )
    assert schema.run("select * from t") == [(1,)]


def test_json(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int, name varchar(60), ok boolean, ts timestamp)")
    lake.put(
        "auto",
        '{"id": 1, "name": "a\\tb", "ok": true, "ts": "2020-01-02 03:04:05", "more": [1]}\n'
        '{"name": {"k": [1, "x"]},\n "id": "2"}{"id": null}',
    )
    schema.run(f"copy t from '{lake.url}/auto' {ROLE} format as json 'auto'")
    assert schema.run("select * from t order by id") == [
        (1, "a\tb", True, MOMENT), (2, '{"k": [1,"x"]}', None, None), (None, None, None, None),
    ]  # fmt: skip
    schema.run("truncate t")
    paths = lake.put("paths/p.json", json.dumps({"jsonpaths": ["$['n'][1]", "$['o']['p']"]}))
    lake.put("data", '{"n": [1, 2], "o": {"p": ""}} {"n": [1]} oops\n{"n": [5, "6"]}')
    copy = f"copy t (id, name) from '{lake.url}/data' {ROLE} json '{paths}'"
    with pytest.raises(psycopg.Error, match="Load into table 't' failed"):
        schema.run(copy)
    schema.run(f"{copy} maxerror 10 emptyasnull")
    assert schema.run("select id, name from t order by id") == [(2, None), (6, None)]
    with pytest.raises(psycopg.Error, match="Number of jsonpaths and the number of columns"):
        schema.run(f"copy t from '{lake.url}/data' {ROLE} json '{paths}'")
    with pytest.raises(psycopg.Error, match="'noshred' loads exactly one column"):
        schema.run(f"copy t from '{lake.url}/auto' {ROLE} json 'noshred'")
    lake.put("case", '{"ID": 7, "Name": "n"}')
    schema.run(f"copy t from '{lake.url}/case' {ROLE} json 'auto ignorecase'")
    assert schema.run("select id, name from t where id = 7") == [(7, "n")]


def test_text_streams_in_bounded_memory(servers: Servers, schema: Schema, lake: Lake) -> None:
    rows = 200_000
    schema.run("create table t (a integer, b varchar(100))")
    text = "".join(f"{i}|{i:0100d}\n" for i in range(rows))
    lake.put("0.gz", gzip.compress(text.encode(), 1))
    gateway = psutil.Process(servers.pid)
    before = gateway.memory_info().rss
    schema.run(f"copy t from '{lake.url}/' {ROLE} gzip")
    assert schema.run("select count(*), sum(a), max(b) from t") == [
        (rows, rows * (rows - 1) // 2, f"{rows - 1:0100d}")
    ]
    assert gateway.memory_info().rss - before < 150 * 1024 * 1024
