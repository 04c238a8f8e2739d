"""COPY from a real S3 server into the client's own transaction."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from .conftest import ROLE, Lake, Schema, Servers

pytestmark = pytest.mark.slow

COLUMNS = (
    "a smallint, b integer, c bigint, d real, e double precision, f numeric(9,2), g boolean, "
    "h date, i timestamp, j varchar(10), k char(3)"
)
DAY, MOMENT = datetime.date(2020, 2, 29), datetime.datetime(2020, 1, 2, 3, 4, 5, 678901)


def table(**changed: pa.Array) -> pa.Table:
    columns = {
        "a": pa.array([1, None], pa.int16()),
        "b": pa.array([2, None], pa.int32()),
        "c": pa.array([3, None], pa.int64()),
        "d": pa.array([1.5, None], pa.float32()),
        "e": pa.array([2.5, None], pa.float64()),
        "f": pa.array([Decimal("-1.25"), None], pa.decimal128(9, 2)),
        "g": pa.array([True, None], pa.bool_()),
        "h": pa.array([DAY, None], pa.date32()),
        "i": pa.array([MOMENT, None], pa.timestamp("us", "UTC")),
        "j": pa.array(["né", None], pa.string()),
        "k": pa.array(["x", None], pa.string()),
    }
    return pa.table({**columns, **changed})


def test_every_type_arrives_by_position(schema: Schema, lake: Lake) -> None:
    schema.run(f"create table t ({COLUMNS})")
    lake.parquet("data/part-0.parquet", table().rename_columns([f"x{i}" for i in range(11)]))
    schema.run(f"copy {schema.name}.t from '{lake.url}/data/' {ROLE} format as parquet")
    assert schema.run("select * from t where a is not null") == [
        (1, 2, 3, 1.5, 2.5, Decimal("-1.25"), True, DAY, MOMENT, "né", "x  ")
    ]
    assert schema.value("select count(*) from t where a is null and j is null and k is null") == 1
    assert schema.value("select pg_last_copy_count()") == 2


def test_a_manifest_names_the_files(schema: Schema, lake: Lake) -> None:
    schema.run(f"create table t ({COLUMNS})")
    one, two = (lake.parquet(f"{i}.parquet", table()) for i in range(2))
    lake.parquet("not-listed.parquet", table())
    url = lake.manifest(
        "m.json",
        lake.entry(one),
        lake.entry(two),
        {"url": f"{lake.url}/absent", "meta": {"content_length": 1}},  # mandatory is false
    )
    schema.run(f"copy t from '{url}' {ROLE} parquet manifest")
    assert schema.value("select count(*) from t") == 4


@pytest.mark.parametrize(
    ("change", "message", "detail"),
    [
        (
            {"url": "s3://lake/absent.parquet"},
            "mandatory file of the manifest is missing",
            "s3://lake/absent.parquet",
        ),
        (
            {"meta": {"content_length": 7}},
            "File size in the manifest does not match",
            "meta.content_length 7, actual size",
        ),
        ({"meta": {}}, "missing meta.content_length", "Entry s3://lake/"),
        ({"url": "http://x"}, "Invalid S3 URL", None),
    ],
)
def test_wrong_manifest_entries(
    schema: Schema, lake: Lake, change: dict[str, Any], message: str, detail: str | None
) -> None:
    schema.run(f"create table t ({COLUMNS})")
    path = lake.parquet("0.parquet", table())
    url = lake.manifest("m.json", lake.entry(path), lake.entry(path, **change))
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"copy t from '{url}' {ROLE} parquet manifest")
    assert message in (caught.value.diag.message_primary or "")
    assert detail is None or detail in (caught.value.diag.message_detail or "")
    assert schema.value("select count(*) from t") == 0


@pytest.mark.parametrize(
    ("column", "data", "code", "message"),
    [
        (
            "b",
            pa.array([1, 2], pa.int64()),
            15001,
            "Column type: INT, Parquet schema: optional int64",
        ),
        (
            "c",
            pa.array([1, 2], pa.int32()),
            15001,
            "Column type: BIGINT, Parquet schema: optional int32",
        ),
        ("j", pa.array([1, 2], pa.int32()), 15001, "Column type: VARCHAR(10)"),
        (
            "f",
            pa.array([Decimal("1.5"), None], pa.decimal128(9, 1)),
            15001,
            "Column type: DECIMAL(9,2)",
        ),
        ("i", pa.array([DAY, None], pa.date32()), 15001, "Column type: TIMESTAMP"),
        (
            "j",
            pa.array(["ok", "ééééé1"], pa.string()),
            15007,
            "Table: 10, Data: 11, row 2, value 'ééééé1'",
        ),
        (
            "k",
            pa.array([None, "abcd"], pa.string()),
            15007,
            "Table: 3, Data: 4, row 2, value 'abcd'",
        ),
    ],
)
def test_what_does_not_fit_names_file_and_column(
    schema: Schema, lake: Lake, column: str, data: pa.Array, code: int, message: str
) -> None:
    schema.run(f"create table t ({COLUMNS})")
    lake.parquet("ok.parquet", table())
    lake.parquet("wrong.parquet", table(**{column: data}))
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    assert caught.value.diag.message_primary == "Spectrum Scan Error"
    detail = caught.value.diag.message_detail or ""
    assert f"Spectrum Scan Error code: {code}" in detail
    assert message in detail
    assert "wrong.parquet" in detail
    assert schema.value("select count(*) from t") == 0
    errors = (
        "select file_name, column_name, error_code from sys_load_error_detail "
        "where table_name = 't' order by query_id desc limit 1"
    )
    assert schema.run(errors) == [(f"{lake.url}/wrong.parquet", column, code)]


def test_column_counts_must_match(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a smallint, b integer)")
    lake.parquet("0.parquet", table())
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    assert "Table columns: 2, Data columns: 11" in (caught.value.diag.message_detail or "")


def test_null_in_a_not_null_column(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a smallint, b integer not null)")
    lake.parquet("0.parquet", table().select(["a", "b"]))
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    assert "NULL value into NOT NULL column 'b', row 2" in (caught.value.diag.message_detail or "")


def test_a_column_list_takes_the_columns_in_its_order(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (i bigint identity(1,1), b integer default 7, a smallint)")
    lake.parquet("0.parquet", table().select(["a"]))
    schema.run(f"copy t (a) from '{lake.url}/' {ROLE} parquet")
    assert schema.run("select i, b, a from t order by i") == [(1, 7, 1), (2, 7, None)]
    with pytest.raises(psycopg.errors.UndefinedColumn):
        schema.run(f"copy t (zz) from '{lake.url}/' {ROLE} parquet")


def test_fillrecord_and_acceptinvchars(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a smallint, b varchar(9), c date)")
    raw = pa.array([b"a\xff\xfe", None], pa.binary())
    lake.parquet("0.parquet", pa.table({"a": pa.array([1, 2], pa.int16()), "b": raw}))
    schema.run(f"copy t from '{lake.url}/' {ROLE} parquet fillrecord acceptinvchars as '^'")
    assert schema.run("select * from t order by a") == [(1, "a^^", None), (2, None, None)]
    with pytest.raises(psycopg.Error, match="Spectrum Scan Error"):
        schema.run(f"copy t from '{lake.url}/' {ROLE} parquet fillrecord")


def test_serializetojson_fills_super_columns(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a super, b super, c super, d super)")
    data = {
        "a": pa.array([[("k", 1), ("z", None)], None], pa.map_(pa.string(), pa.int32())),
        "b": pa.array([{"x": [True], "y": "ü"}, None]),
        "c": pa.array(['{"text":1}', None]),
        "d": pa.array([Decimal("1.50"), None]),
    }
    lake.parquet("0.parquet", pa.table(data))
    with pytest.raises(psycopg.Error, match="Spectrum Scan Error"):
        schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    schema.run(f"copy t from '{lake.url}/' {ROLE} parquet serializetojson")
    found = schema.run(
        "select json_serialize(a), json_serialize(b), json_serialize(c), json_serialize(d) "
        "from t order by 1"
    )
    assert found == [
        ('{"k":1,"z":null}', '{"x":[true],"y":"ü"}', '"{\\"text\\":1}"', "1.5"),
        (None, None, None, None),
    ]
    with pytest.raises(psycopg.Error, match="only with PARQUET"):
        schema.run(f"copy t from '{lake.url}/' {ROLE} csv serializetojson")


def test_only_tables_that_exist(schema: Schema, lake: Lake) -> None:
    schema.run("create view v as select 1 as a")
    for name, message in (("nope", "nonexistent table nope"), ("v", "it is not a table")):
        with pytest.raises(psycopg.Error, match=message):
            schema.run(f"copy {name} from '{lake.url}/' {ROLE} parquet")


def test_copy_is_part_of_the_clients_transaction(
    servers: Servers, schema: Schema, lake: Lake
) -> None:
    schema.run(f"create table t ({COLUMNS})")
    lake.parquet("0.parquet", table())
    copy = f"copy {schema.name}.t from '{lake.url}/' {ROLE} parquet"
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute(copy)
    cursor.execute("select pg_last_copy_count()")
    assert cursor.fetchall() == ([2],)
    cursor.execute(f"select count(*) from {schema.name}.t")
    assert cursor.fetchall() == ([2],)
    assert schema.value("select count(*) from t") == 0
    connection.rollback()
    cursor.execute(copy)
    connection.commit()
    assert schema.value("select count(*) from t") == 2
    cursor.execute(f"create temp table s (like {schema.name}.t)")
    cursor.execute(copy.replace(f"{schema.name}.t", "s"))
    cursor.execute("select count(*) from s")
    assert cursor.fetchall() == ([2],)
    connection.close()


def test_a_failed_copy_fails_the_transaction(servers: Servers, schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a int)")
    lake.parquet("0.parquet", table())
    for autocommit in (False, True):
        connection = servers.redshift()
        connection.autocommit = autocommit
        cursor = connection.cursor()
        with pytest.raises(Exception, match="Spectrum Scan Error"):
            cursor.execute(f"copy {schema.name}.t from '{lake.url}/' {ROLE} parquet")
        if autocommit:
            assert cursor.execute("select 1").fetchall() == ([1],)
        else:
            with pytest.raises(Exception, match="current transaction is aborted"):
                cursor.execute("select 1")
        connection.close()


def test_the_history_survives_the_rollback(servers: Servers, schema: Schema, lake: Lake) -> None:
    schema.run(f"create table t ({COLUMNS})")
    path = lake.parquet("0.parquet", table())
    with servers.psycopg(autocommit=False) as connection:
        connection.execute(f"copy {schema.name}.t from '{lake.url}/0' {ROLE} parquet")
        row = connection.execute("select pg_last_copy_id()").fetchone()
        assert row is not None
        connection.rollback()
    assert schema.run(
        "select table_name, status, data_source, file_format, loaded_rows, loaded_bytes, "
        "source_file_count, error_count from sys_load_history where query_id = %s",
        row[0],
    ) == [
        (f"{schema.name}.t", "completed", f"{lake.url}/0", "parquet", 2, path.stat().st_size, 1, 0)
    ]
