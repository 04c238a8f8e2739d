"""Files of COPY that are no Parquet, are damaged, or are not there."""

from __future__ import annotations

import psycopg
import pyarrow as pa
import pytest

from .conftest import ROLE, Lake, Schema

pytestmark = pytest.mark.slow


def test_no_file_is_an_error(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a int)")
    with pytest.raises(psycopg.Error, match=r"The specified S3 prefix '.*/nothing' does not exist"):
        schema.run(f"copy t from '{lake.url}/nothing' {ROLE} parquet")
    with pytest.raises(psycopg.Error, match="No file was found"):
        schema.run(f"copy t from '{lake.manifest('m.json')}' {ROLE} parquet manifest")
    lake.put("bad.json", "{}")
    with pytest.raises(psycopg.Error, match="not in correct json format"):
        schema.run(f"copy t from '{lake.url}/bad.json' {ROLE} parquet manifest")
    with pytest.raises(psycopg.Error, match=r"S3ServiceException.*Status 404"):
        schema.run(f"copy t from 's3://no-such-bucket/x' {ROLE} parquet")


def test_a_file_that_is_no_parquet(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a int)")
    (lake.root / "0.parquet").write_text("hello, this is text")
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    assert "cannot be read as Parquet" in (caught.value.diag.message_detail or "")


def test_a_damaged_file(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a integer)")
    data = pa.table({"a": pa.array(range(100_000), pa.int32())})
    path = lake.parquet("0.parquet", data)
    raw = bytearray(path.read_bytes())
    raw[20:2000] = bytes(1980)
    path.write_bytes(raw)
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"copy t from '{lake.url}/' {ROLE} parquet")
    assert caught.value.diag.message_primary == "Spectrum Scan Error"
    assert schema.value("select count(*) from t") == 0
