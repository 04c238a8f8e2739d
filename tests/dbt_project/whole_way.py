"""Raw files taken the whole way without Airflow: the Spark job, COPY with its ledger, dbt."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import redshift_connector
from botocore.config import Config as BotoConfig
from pyspark.sql import SparkSession

from elt_lib.contract import Feed
from elt_lib.contract_yaml import load_sources
from elt_lib.load import Report, Run, S3Reader, load_batch, record_no_data
from infra.local.environment import COPY_ROLE, environment
from infra.local.java import find_java_home
from infra.local.livy.submit import JAVA_OPTIONS, s3_mounts
from infra.local.stack import Stack
from spark_jobs import preprocess
from tests.dags.lake import small_stack
from tests.dbt_project.warehouse import Warehouse, parsed_beside


@dataclass
class Way:
    """A lake and a warehouse of their own, and what moves rows from one to the other."""

    stack: Stack
    warehouse: Warehouse
    feeds: dict[str, Feed]

    def put(self, key: str, path: Path) -> None:
        """Store a raw file in the lake."""
        target = self.stack.config.s3 / self.stack.config.lake_bucket / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)

    def take(self, feed: str, month: datetime, *, files: bool = True) -> Report | None:
        """Preprocess and load one batch; without files, record that there are none."""
        report = self.preprocess(feed, month) if files else None
        self.load(feed, month, report)
        return report

    def preprocess(self, feed: str, month: datetime) -> Report:
        """Run the Spark job over one batch's raw files."""
        declared, batch_id = self.feeds[feed], f"{month:%Y%m%dT000000}"
        lake = f"s3://{self.stack.config.lake_bucket}"
        place = f"{declared.source}/{declared.name}/{batch_id}/"
        code = preprocess.main(
            [
                *("--feed", declared.spec(), "--batch-id", batch_id),
                *("--input", f"{lake}/{declared.raw_key(month.replace(tzinfo=UTC))}"),
                *("--output", f"{lake}/staged/{place}"),
                *("--rejected", f"{lake}/rejected/{place}"),
            ]
        )
        assert code == 0, "the log of the job is above"
        return Report.parse(self._read(f"{lake}/staged/{place}report.json"))

    def load(self, feed: str, month: datetime, report: Report | None) -> None:
        """Load one batch that was preprocessed, or record that there is none."""
        declared, batch_id = self.feeds[feed], f"{month:%Y%m%dT000000}"
        connect, run = self.warehouse.connect, Run(declared.source, "test")
        if report is None:
            record_no_data(connect, declared, batch_id, run)
            return
        reader = S3Reader(self._read, self._read_range)
        load_batch(connect, declared, batch_id, report, reader, COPY_ROLE, run)

    def _read(self, url: str, **options: str) -> bytes:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        values = environment(self.stack.config)
        client = boto3.client(
            "s3",
            endpoint_url=values["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            region_name=values["AWS_REGION"],
            config=BotoConfig(response_checksum_validation="when_required"),
        )
        content: bytes = client.get_object(Bucket=bucket, Key=key, **options)["Body"].read()
        return content

    def _read_range(self, url: str, start: int, end: int) -> bytes:
        return self._read(url, Range=f"bytes={start}-{end - 1}")


@dataclass
class StackWarehouse(Warehouse):
    """The warehouse of a stack, with the stack's password."""

    password: str = ""

    def connect(self) -> redshift_connector.Connection:
        return redshift_connector.connect(
            host="127.0.0.1",
            port=self.port,
            user="starlift",
            password=self.password,
            database="starlift",
            ssl=False,
            timeout=600,  # seconds of silence: a month of millions of rows takes its time
        )


@contextlib.contextmanager
def whole_way(folder: Path, manifest: Path, source: str) -> Iterator[Way]:
    """Start PostgreSQL, the gateway and S3, and a Spark session that sees the same files."""
    declared = load_sources(manifest)[source]
    with small_stack(folder / "stack", manifest=manifest) as stack, _spark(folder, stack):
        config = stack.config
        values = environment(config) | {
            "DBT_PROJECT_DIR": str(config.project / "dbt_project"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }
        warehouse = StackWarehouse(
            config.ports.redshift,
            folder,
            values,
            parsed_beside(manifest),
            password=config.secrets.redshift_password,
        )
        yield Way(stack, warehouse, {feed.name: feed for feed in declared.feeds})


@contextlib.contextmanager
def _spark(folder: Path, stack: Stack) -> Iterator[Any]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "2g",  # one Java for the tests of many batches
        "spark.local.dir": str(folder / "spark"),
        "spark.sql.warehouse.dir": str(folder / "spark-warehouse"),
        "spark.driver.extraJavaOptions": JAVA_OPTIONS,
        "spark.hadoop.fs.s3.impl.disable.cache": "true",  # the lake before may have been another
        **s3_mounts(stack.config.s3, [f"s3://{stack.config.lake_bucket}/"]),
    }
    running = SparkSession.getActiveSession()
    if running is not None:
        running.stop()  # another test's, which sees another lake
    builder = SparkSession.builder.master("local[2]")
    for key, value in settings.items():
        builder = builder.config(key, value)
    kept = {name: os.environ.get(name) for name in ("JAVA_HOME", "SPARK_HOME")}
    os.environ["JAVA_HOME"] = str(find_java_home())
    os.environ.pop("SPARK_HOME", None)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
