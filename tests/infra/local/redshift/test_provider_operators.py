"""The Amazon provider's transfer operators and SQL hook against the gateway, unmodified."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import DATABASE, PASSWORD, S3_KEY, S3_SECRET, USER, Lake, Schema, Servers

pytestmark = pytest.mark.slow


@pytest.fixture
def connections(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's connections: keys for S3 (`aws_default`) and a role (`aws_role`)."""
    redshift = {
        "conn_type": "redshift",
        "host": "127.0.0.1",
        "port": servers.port,
        "login": USER,
        "password": PASSWORD,
        "schema": DATABASE,
        "extra": {"ssl": False},
    }
    role = {"role_arn": "arn:aws:iam::123456789012:role/copy", "region": "us-east-1"}
    for name, value in {
        "AWS_ACCESS_KEY_ID": S3_KEY,
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(redshift),
        "AIRFLOW_CONN_AWS_DEFAULT": '{"conn_type": "aws"}',
        "AIRFLOW_CONN_AWS_ROLE": json.dumps({"conn_type": "aws", "extra": role}),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def load(connections: None, schema: Schema, lake: Lake) -> Any:
    """Runs S3ToRedshiftOperator for a file of the test's folder into table t."""
    from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator

    def run(name: str, **options: Any) -> None:
        S3ToRedshiftOperator(
            task_id="load",
            schema=schema.name,
            table="t",
            s3_bucket="lake",
            s3_key=f"{lake.root.name}/{name}",
            **options,
        ).execute({})

    return run


def test_s3_to_redshift(schema: Schema, lake: Lake, load: Any) -> None:
    schema.run("create table t (id int primary key, name varchar(20) default 'none')")
    lake.put("one.csv", "1,Ann\n2,Bob\n")
    lake.put("two.csv", "2,Eve\n3,Zoë\n")
    load("one.csv", copy_options=["csv"])
    load("one.csv", copy_options=["csv"], aws_conn_id="aws_role")
    assert schema.value("select count(*) from t") == 4
    load("one.csv", copy_options=["csv"], method="REPLACE")
    assert schema.run("select * from t order by id") == [(1, "Ann"), (2, "Bob")]
    load("two.csv", copy_options=["csv"], method="UPSERT", upsert_keys=["id"])
    assert schema.run("select * from t order by id") == [(1, "Ann"), (2, "Eve"), (3, "Zoë")]
    lake.parquet("four.parquet", pa.table({"id": pa.array([4], pa.int32())}))
    load("four.parquet", column_list=["id"], copy_options=["format as parquet"])
    assert schema.run("select * from t where id = 4") == [(4, "none")]
    lake.put("broken.csv", "x,y\n")
    for method in ("APPEND", "REPLACE"):
        with pytest.raises(Exception, match="Load into table 't' failed"):
            load("broken.csv", copy_options=["csv"], method=method)
    assert schema.value("select count(*) from t") == 4


def test_upsert_finds_the_primary_key(schema: Schema, lake: Lake, load: Any) -> None:
    schema.run("create table t (id int, name varchar(20), primary key (id))")
    schema.run("insert into t values (1, 'old'), (2, 'kept')")
    lake.put("one.csv", "1,new\n")
    load("one.csv", copy_options=["csv"], method="UPSERT")
    assert schema.run("select * from t order by id") == [(1, "new"), (2, "kept")]


def test_redshift_to_s3(connections: None, schema: Schema, lake: Lake) -> None:
    from airflow.providers.amazon.aws.transfers.redshift_to_s3 import RedshiftToS3Operator

    schema.run("create table t (id int, name varchar(20))")
    schema.run("insert into t values (1, 'it''s'), (2, null)")

    def unload(key: str, **options: Any) -> None:
        RedshiftToS3Operator(
            task_id="unload", s3_bucket="lake", s3_key=f"{lake.root.name}/{key}", **options
        ).execute({})

    unload("a", schema=schema.name, table="t", include_header=True, unload_options=["csv"])
    lines = lake.get("a/t_0000_part_00").decode().splitlines()
    assert [lines[0], *sorted(lines[1:])] == ["id,name", "1,it's", "2,"]
    unload(
        "b/",
        select_query=f"select id from {schema.name}.t where name like 'it%'",
        unload_options=["format as parquet", "allowoverwrite"],
        aws_conn_id="aws_role",
        autocommit=True,
    )
    assert pq.read_table(lake.root / "b/0000_part_00.parquet").to_pylist() == [{"id": 1}]


def test_the_sql_hook(connections: None, schema: Schema) -> None:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    hook = RedshiftSQLHook()
    table = f"{schema.name}.t"
    hook.run(
        [f"create table {table} (id int, name varchar(9))", f"insert into {table} values (1, 'a')"]
    )
    hook.insert_rows(table, [(2, "b"), (3, None)], target_fields=["id", "name"])
    assert hook.get_records(f"select * from {table} where id > %s order by id", (1,)) == (
        [2, "b"],
        [3, None],
    )
    assert hook.get_first("select current_database()")[0] == DATABASE
    with pytest.raises(Exception, match="does not exist"):
        hook.run([f"delete from {table}", "select * from nowhere"])
    assert schema.value("select count(*) from t") == 3
