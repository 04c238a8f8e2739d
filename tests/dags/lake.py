"""Batches as the Spark job writes them, and a small real warehouse to load them into."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from dataclasses import fields, replace
from datetime import datetime, timedelta

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import redshift_connector
from botocore.config import Config as BotoConfig

from elt_lib.contract import Column, Empty, ExtraColumns, Feed, Files, TableLayout
from elt_lib.load import Rejects, Report, Run, S3Reader, load_batch
from infra.local import manifest as manifests
from infra.local.config import Config, Ports
from infra.local.environment import COPY_ROLE, environment
from infra.local.stack import Stack
from infra.local.tools import remember
from tests.leash import leashed

RUN = Run("shop", "run-1")
FEED = Feed(
    source="shop",
    name="orders",
    description="",
    files=Files("*.csv"),
    columns=(Column("order_id", "bigint", required=True), Column("note", "varchar(5)")),
    layout=TableLayout(sort=("order_id",)),
    wait=timedelta(0),
    empty=Empty.ALLOW,
    extra_columns=ExtraColumns.FAIL,
    reject_limit=0.5,
    declared_in="_shop__sources.yml",
)


@contextlib.contextmanager
def small_stack(folder, *more, manifest=None):
    """PostgreSQL, the gateway, S3 and more services on free ports, with their state in a folder.

    A manifest of this very project spares the stack to parse and to check it.
    """
    free = {Ports.variable(port.name): "0" for port in fields(Ports)}
    config = Config.load({"STARLIFT_STATE": str(folder), **free})
    if manifest is not None:
        config.manifest.parent.mkdir(parents=True)
        shutil.copy(manifest, config.manifest)
        remember(manifests.stamp(config), manifests.inputs(config))
    running = Stack(config, ["postgres", "redshift", "s3", *more])
    with leashed(running):
        yield running


class Lake:
    """Batches of one feed, written as the Spark job writes them, and the warehouse they go to."""

    def __init__(self, config, feed):
        self.feed = feed
        self.config = config
        values = environment(config)
        self.s3 = boto3.client(
            "s3",
            endpoint_url=values["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            region_name=values["AWS_REGION"],
            config=BotoConfig(response_checksum_validation="when_required"),
        )
        self.bucket = config.lake_bucket
        self.written = 0
        self.originals = {}
        self.connections = []

    def session(self):
        return redshift_connector.connect(
            host="127.0.0.1",
            port=self.config.ports.redshift,
            user="starlift",
            password=self.config.secrets.redshift_password,
            database="starlift",
            ssl=False,
        )

    def connect(self):
        """A session that lasts as long as the test."""
        connection = self.session()
        self.connections.append(connection)
        return connection

    def put(self, key, content):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def get(self, url, **options):
        key = url.removeprefix(f"s3://{self.bucket}/")
        return self.s3.get_object(Bucket=self.bucket, Key=key, **options)["Body"].read()

    def delete(self, report, name):
        """Delete a file of a batch."""
        key = report.manifest_url.removeprefix(f"s3://{self.bucket}/")
        self.s3.delete_object(Bucket=self.bucket, Key=key.replace("manifest.json", name))

    @property
    def reader(self):
        def read_range(url, start, end):
            return self.get(url, Range=f"bytes={start}-{end - 1}")

        return S3Reader(self.get, read_range)

    def write(self, batch, *parts, feed=None):
        """Write parts (lists of rows of the feed's columns) and their manifest; returns the report.

        One more row counts as rejected.
        """
        self.written += 1
        prefix = f"staged/{self.feed.source}/{self.feed.name}/{batch}/run/attempt-{self.written}"
        loaded_at = datetime(2026, 1, 1) + timedelta(seconds=self.written)
        entries = []
        for number, rows in enumerate(parts):
            content = parquet(feed or self.feed, batch, rows, loaded_at)
            url = self.put(f"{prefix}/part-{number}.parquet", content)
            meta = {"content_length": len(content)}
            entries.append({"url": url, "mandatory": True, "meta": meta})
        manifest = json.dumps({"entries": entries}).encode()
        rows = sum(len(part) for part in parts)
        return Report(
            manifest_url=self.put(f"{prefix}/manifest.json", manifest),
            manifest_sha256=hashlib.sha256(manifest).hexdigest(),
            files=1,
            raw_rows=rows + 1,
            rejected_rows=1,
            written_rows=rows,
            loaded_at=loaded_at,
            rejects=(Rejects("type", "note", 1),),
        )

    def rewrite(self, report, number, change):
        """Put a changed file in a batch's place, and a manifest that knows it; returns the report.

        ``change`` makes an Arrow table from that of the file; None brings the file back.
        """
        prefix = report.manifest_url.removeprefix(f"s3://{self.bucket}/").rpartition("/")[0]
        name = f"{prefix}/part-{number}.parquet"
        if change is None:
            content = self.originals.pop(name)
        else:
            content = self.originals[name] = self.get(f"s3://{self.bucket}/{name}")
            sink = io.BytesIO()
            pq.write_table(change(pq.read_table(io.BytesIO(content))), sink)
            content = sink.getvalue()
        self.put(name, content)
        manifest = json.loads(self.get(report.manifest_url))
        manifest["entries"][number]["meta"]["content_length"] = len(content)
        text = json.dumps(manifest).encode()
        self.put(f"{prefix}/manifest.json", text)
        return replace(report, manifest_sha256=hashlib.sha256(text).hexdigest())

    def load(self, batch, report, feed=None, reached=None):
        """Load a batch; ``reached`` hears of the points that its sessions pass (see Watched)."""

        def connect():
            return Watched(self.session(), reached) if reached else self.session()

        return load_batch(connect, feed or self.feed, batch, report, self.reader, COPY_ROLE, RUN)

    def rows(self):
        return self.query(
            f"select _batch_id, order_id, note from staging.{self.feed.table} order by 1, 2, 3"
        )

    def totals(self):
        """Per batch: rows, different orders, their sum, the least and the greatest note."""
        return self.query(
            "select _batch_id, count(*), count(distinct order_id), cast(sum(order_id) as bigint), "
            f"min(note), max(note) from staging.{self.feed.table} group by _batch_id order by 1"
        )

    def ledger(self):
        return self.query(
            f"""
            select batch_id, status, raw_rows, rejected_rows, loaded_rows
            from ops.load_ledger
            where feed = '{self.feed.name}'
            order by batch_id
            """
        )

    def copies(self):
        """How the COPYs into the feed's table ended."""
        return [
            status
            for (status,) in self.query(
                "select status from sys_load_history "
                f"where table_name like '%%{self.feed.table}' order by start_time"
            )
        ]

    def inject(self, kind, statement, times=1):
        """Let the gateway fail on the next statements of a form."""
        self.query(f"select starlift_gateway.fail_next('{kind}', '{statement}', {times})")

    def hits(self):
        """How often each injected fault was met."""
        ((rules,),) = self.query("select starlift_gateway.faults()")
        return [rule["hits"] for rule in json.loads(rules)]

    def change(self, *statements):
        """Run statements in one transaction of their own."""
        with contextlib.closing(self.session()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def query(self, sql):
        with contextlib.closing(self.session()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]


TYPES = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "varchar": pa.string(),
    "timestamp": pa.timestamp("us"),
}


def parquet(feed, batch, rows, loaded_at):
    """The content of a Parquet file with the feed's columns and the loader's."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in feed.columns]
    columns += [[value] * len(rows) for value in (batch, "s3://raw/a.csv", loaded_at)]
    table = pa.table(
        {
            column.name: pa.array(values, TYPES[column.type.name])
            for column, values in zip(feed.table_columns, columns, strict=True)
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


class Watched:
    """A session (and its cursors) that says which points it passes.

    Points are ``before`` and ``after`` with a statement's first word; commits count once the
    session has copied, so that they are the load's.
    """

    def __init__(self, inner, reached, seen=None):
        self.inner = inner
        self.reached = reached
        self.seen = set() if seen is None else seen

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def cursor(self):
        return Watched(self.inner.cursor(), self.reached, self.seen)

    def execute(self, operation, args=()):
        return self._passing(operation.split()[0], lambda: self.inner.execute(operation, args))

    def commit(self):
        if "copy" not in self.seen:
            return self.inner.commit()
        return self._passing("commit", self.inner.commit)

    def _passing(self, word, call):
        self.reached(f"before {word}")
        result = call()
        self.seen.add(word)
        self.reached(f"after {word}")
        return result


def at(point, call):
    """A ``reached`` that calls once, when a point is reached for the first time."""
    left = [call]

    def reached(found):
        if found == point and left:
            left.pop()()

    return reached
