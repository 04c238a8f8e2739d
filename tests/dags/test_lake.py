"""Registering a source and asking Athena, as tasks: real ledger and S3, moto over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import boto3
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowException
from moto.athena.models import athena_backends
from moto.server import ThreadedMotoServer

from elt_lib import lake as lake_tasks
from elt_lib.contract import Batches, Source
from elt_lib.lake import RegisterOperator, loaded_batches, register_batches
from elt_lib.settings import Settings, settings
from infra.local.environment import environment
from tests.dags.test_engines import ENVIRON

DAGS = Path(__file__).parents[2] / "dags"
ACCOUNT, REGION, DATABASE = "123456789012", "us-east-1", "starlift_test"


@pytest.fixture
def moto(monkeypatch):
    """The control planes, empty, as a server of their own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
        "AIRFLOW_CONN_AWS_DEFAULT": '{"conn_type": "aws"}',
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client
    server.stop()


@pytest.fixture
def glue(moto):
    client = moto("glue")
    client.create_database(DatabaseInput={"Name": DATABASE})
    yield client
    client.delete_database(Name=DATABASE)  # moto's memory is the process's


@pytest.fixture
def told(lake, glue, monkeypatch):
    """The operator of the test's feed, with connections and settings as the stack has them."""
    stack = environment(lake.config)
    for name in (
        *("AIRFLOW_CONN_REDSHIFT_DEFAULT", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID"),
        *("AWS_SECRET_ACCESS_KEY", "AWS_RESPONSE_CHECKSUM_VALIDATION"),
    ):
        monkeypatch.setenv(name, stack[name])
    made = replace(Settings.load(ENVIRON), lake_bucket=lake.bucket, glue_database=DATABASE)
    monkeypatch.setattr(lake_tasks, "settings", lambda: made)
    shop = Source("shop", "", "@daily", date(2020, 1, 1), (lake.feed,))
    monkeypatch.setattr(lake_tasks, "load_sources", lambda _: {"shop": shop})
    return register_batches("shop")


@pytest.mark.slow
def test_the_ledger_is_what_the_catalogue_is_told(lake):
    report = lake.write("b1", [(1, "a"), (2, "b")])
    lake.load("b1", report)
    (batch,) = [it for it in loaded_batches(lake.connect(), "shop") if it.feed == lake.feed.name]
    assert (batch.batch_id, batch.loaded_rows, batch.rejected_rows) == ("b1", 2, 1)
    assert (batch.manifest_url, batch.manifest_sha256) == (
        report.manifest_url,
        report.manifest_sha256,
    )


def places(glue, lake):
    found = glue.get_partitions(DatabaseName=DATABASE, TableName=lake.feed.table)["Partitions"]
    return {each["Values"][0]: each["StorageDescriptor"]["Location"] for each in found}


def folder_of(report):
    return f"{report.manifest_url.rpartition('/')[0]}/"


@pytest.mark.slow
def test_the_task_registers_what_is_loaded_and_follows_what_changes(lake, glue, told):
    assert isinstance(told, RegisterOperator)
    first = lake.write("b1", [(1, "a")])
    lake.load("b1", first)
    lake.write("b1", [(1, "loser")])
    assert told.execute({}) == 1
    assert places(glue, lake) == {"b1": folder_of(first)}
    assert told.execute({}) == 0
    second = lake.write("b1", [(1, "A")])
    lake.load("b1", second)
    assert told.execute({}) == 1
    assert places(glue, lake) == {"b1": folder_of(second)}


@pytest.mark.slow
def test_a_batch_that_a_newer_one_retires_leaves_the_catalogue(lake, glue, told):
    feed = replace(lake.feed, batches=Batches.REPLACE, keep_batches=1)
    for batch in ("b1", "b2"):
        lake.load(batch, lake.write(batch, [(1, "a")]), feed=feed)
        told.execute({})
        assert list(places(glue, lake)) == [batch]


@pytest.mark.slow
def test_a_catalogue_that_is_gone_fails_the_task_and_leaves_the_load(lake, glue, told):
    report = lake.write("b1", [(1, "a")])
    lake.load("b1", report)
    told.database = "nowhere"
    with pytest.raises(AirflowException, match="no database nowhere"):
        told.execute({})
    assert lake.rows() == [("b1", 1, "a")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]
    told.database = DATABASE
    told.execute({})
    assert places(glue, lake) == {"b1": folder_of(report)}


class TaskInstance:
    def xcom_push(self, key, value):
        pass


def test_athena_gets_the_query_of_the_file_in_the_settings_database_and_work_group(
    moto, monkeypatch, dag_environment, manifest
):
    for name, value in dag_environment.items():
        if name.startswith("STARLIFT"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("STARLIFT_ATHENA_WORKGROUP", "lake-queries")
    monkeypatch.setenv("STARLIFT_POLL_SECONDS", "0")
    settings.cache_clear()
    try:
        dag = DagBag(DAGS / "movies_athena.py").dags["movies_athena"]
    finally:
        settings.cache_clear()
    moto("athena").create_work_group(Name="lake-queries", Configuration={})
    task = dag.get_task("query_best_movies")
    task.resolve_template_files()
    query = task.execute({"ti": TaskInstance()})
    execution = athena_backends[ACCOUNT][REGION].executions[query]
    assert execution.query == (DAGS / "queries" / "best_movies.sql").read_text("utf-8")
    assert execution.workgroup.name == "lake-queries"
    assert execution.context == {"Database": "starlift", "Catalog": "AwsDataCatalog"}
    assert not execution.config  # where results go is the work group's to say
