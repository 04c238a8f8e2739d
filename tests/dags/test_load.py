"""The load protocol against the real gateway and S3: exactly once, or not at all."""

import hashlib
import io
import json
import threading
from dataclasses import fields, replace
from datetime import datetime, timedelta

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector
from botocore.exceptions import ClientError

from elt_lib.contract import Column, Empty, ExtraColumns, Feed, Files, TableLayout
from elt_lib.load import LoadError, Report, Run, S3Reader, load_batch, record_no_data
from elt_lib.preflight import PreflightError
from elt_lib.warehouse import SchemaDrift, ensure_tables
from infra.local.config import Config, Ports
from infra.local.environment import COPY_ROLE, environment
from infra.local.stack import Stack

pytestmark = pytest.mark.slow

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
    reject_limit=0.0,
    declared_in="_shop__sources.yml",
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    free = {Ports.variable(port.name): "0" for port in fields(Ports)}
    state = str(tmp_path_factory.mktemp("load"))
    running = Stack(Config.load({"STARLIFT_STATE": state, **free}), ["postgres", "redshift", "s3"])
    try:
        running.up()
        yield running
    finally:
        running.down()


class Lake:
    """Batches written as the Spark job writes them, and the warehouse that they go to."""

    def __init__(self, stack, feed):
        self.feed = feed
        self.config = stack.config
        values = environment(stack.config)
        self.s3 = boto3.client(
            "s3",
            endpoint_url=values["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            region_name=values["AWS_REGION"],
        )
        self.bucket = stack.config.lake_bucket
        self.written = 0
        self.connections = []

    def connect(self):
        connection = redshift_connector.connect(
            host="127.0.0.1",
            port=self.config.ports.redshift,
            user="starlift",
            password=self.config.secrets.redshift_password,
            database="starlift",
            ssl=False,
        )
        self.connections.append(connection)
        return connection

    def put(self, key, content):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def get(self, url, **options):
        key = url.removeprefix(f"s3://{self.bucket}/")
        return self.s3.get_object(Bucket=self.bucket, Key=key, **options)["Body"].read()

    @property
    def reader(self):
        return S3Reader(self.get, lambda url, start: self.get(url, Range=f"bytes={start}-"))

    def write(self, batch, *parts, feed=None):
        """Write parts (lists of (order_id, note)) and their manifest; returns the report."""
        self.written += 1
        prefix = f"staged/{self.feed.table}/{batch}/attempt-{self.written}"
        loaded_at = datetime(2026, 1, 1, 0, 0, self.written)
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
        )

    def load(self, batch, report, feed=None):
        connection = self.connect()
        feed = feed or self.feed
        return load_batch(connection, feed, batch, report, self.reader, COPY_ROLE, RUN)

    def rows(self):
        return self.query(
            f"select _batch_id, order_id, note from staging.{self.feed.table} order by 1, 2, 3"
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

    def query(self, sql):
        cursor = self.connect().cursor()
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]


def parquet(feed, batch, rows, loaded_at):
    types = {"bigint": pa.int64(), "varchar": pa.string(), "timestamp": pa.timestamp("us")}
    names = [column.name for column in feed.table_columns]
    values = [[*row, batch, "s3://raw/a.csv", loaded_at] for row in rows]
    schema = pa.schema([(c.name, types[c.type.name]) for c in feed.table_columns])
    table = pa.Table.from_pylist([dict(zip(names, v, strict=True)) for v in values], schema=schema)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@pytest.fixture
def lake(stack, request):
    """A feed of the test's own, its table created."""
    name = f"orders_{abs(hash(request.node.name)) % 10**8}"
    made = Lake(stack, replace(FEED, name=name))
    ensure_tables(made.connect(), [made.feed])
    yield made
    for connection in made.connections:
        connection.close()


def test_a_batch_is_loaded_and_noted(lake):
    assert lake.load("b1", lake.write("b1", [(1, "a"), (2, None)], [(3, "c")])) == 3
    assert lake.rows() == [("b1", 1, "a"), ("b1", 2, None), ("b1", 3, "c")]
    assert lake.ledger() == [("b1", "loaded", 4, 1, 3)]


def test_the_same_manifest_again_changes_nothing(lake):
    report = lake.write("b1", [(1, "a")])
    lake.load("b1", report)
    noted = lake.query("select recorded_at from ops.load_ledger order by 1")
    assert lake.load("b1", report) == 1
    assert lake.rows() == [("b1", 1, "a")]
    assert lake.query("select recorded_at from ops.load_ledger order by 1") == noted


def test_another_manifest_replaces_exactly_its_batch(lake):
    lake.load("b1", lake.write("b1", [(1, "a"), (2, "b")]))
    lake.load("b2", lake.write("b2", [(9, "z")]))
    lake.load("b1", lake.write("b1", [(1, "A")]))
    assert lake.rows() == [("b1", 1, "A"), ("b2", 9, "z")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1), ("b2", "loaded", 2, 1, 1)]


def test_a_batch_whose_rows_were_all_rejected_is_noted(lake):
    lake.load("b1", lake.write("b1", [(1, "a")]))
    assert lake.load("b1", lake.write("b1")) == 0
    assert lake.rows() == []
    assert lake.ledger() == [("b1", "loaded", 1, 1, 0)]


def test_a_value_too_long_names_file_and_column_and_loads_nothing(lake):
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "new")], [(2, "too long")])
    with pytest.raises(LoadError) as caught:
        lake.load("b1", report)
    message = str(caught.value)
    assert "was not loaded, its transaction was rolled back" in message
    assert "part-1.parquet" in message
    assert "note" in message
    assert lake.rows() == [("b1", 1, "old")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


def test_a_file_deleted_after_the_manifest_loads_nothing(lake):
    report = lake.write("b1", [(1, "a")], [(2, "b")])
    key = report.manifest_url.removeprefix(f"s3://{lake.bucket}/")
    lake.s3.delete_object(Bucket=lake.bucket, Key=key.replace("manifest.json", "part-1.parquet"))
    with pytest.raises(ClientError, match="NoSuchKey"):
        lake.load("b1", report)
    assert (lake.rows(), lake.ledger()) == ([], [])


def test_a_file_written_again_is_caught(lake):
    report = lake.write("b1", [(1, "a")])
    key = report.manifest_url.removeprefix(f"s3://{lake.bucket}/")
    other = parquet(lake.feed, "b1", [(1, "a"), (2, "b")] * 50, report.loaded_at)
    lake.put(key.replace("manifest.json", "part-0.parquet"), other)
    with pytest.raises(PreflightError, match="it was written again"):
        lake.load("b1", report)
    assert lake.rows() == []


def test_another_manifest_under_the_same_name_is_caught(lake):
    report = lake.write("b1", [(1, "a")])
    lake.put(report.manifest_url.removeprefix(f"s3://{lake.bucket}/"), b'{"entries": []}')
    with pytest.raises(LoadError, match="is not the manifest that its report describes"):
        lake.load("b1", report)


def test_rows_that_the_report_does_not_know_are_caught(lake):
    report = replace(lake.write("b1", [(1, "a")]), written_rows=2)
    with pytest.raises(LoadError, match="lists files with 1 rows, its report says 2"):
        lake.load("b1", report)
    assert lake.rows() == []


def test_a_report_that_does_not_add_up_is_refused():
    report = {
        "manifest": {"url": "s3://lake/m", "sha256": "0"},
        "files": [],
        "raw_rows": 3,
        "rejected_rows": 1,
        "written_rows": 1,
        "loaded_at": "2026-01-01T00:00:00Z",
    }
    with pytest.raises(LoadError, match="3 raw rows, 1 rejected, 1 written"):
        Report.parse(json.dumps(report).encode())


def test_no_data_is_noted_once_and_never_over_a_load(lake):
    record_no_data(lake.connect(), lake.feed, "b1", RUN)
    record_no_data(lake.connect(), lake.feed, "b1", RUN)
    assert lake.ledger() == [("b1", "no_data", 0, 0, 0)]
    lake.load("b1", lake.write("b1", [(1, "a")]))
    record_no_data(lake.connect(), lake.feed, "b1", RUN)
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


def at_once(*calls):
    """Run calls in threads that start together; returns what each raised or None."""
    barrier = threading.Barrier(len(calls))
    raised = [None] * len(calls)

    def run(number, call):
        barrier.wait()
        try:
            call()
        except Exception as error:  # noqa: BLE001 compared by the test
            raised[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_loads_of_one_batch_at_once_load_it_once(lake):
    report = lake.write("b1", [(number, "x") for number in range(500)])
    calls = [lambda: lake.load("b1", report)] * 4
    assert at_once(*calls) == [None] * 4
    assert [row[1] for row in lake.rows()] == list(range(500))
    assert lake.ledger() == [("b1", "loaded", 501, 1, 500)]


def test_two_attempts_of_one_batch_at_once_leave_one(lake):
    reports = [lake.write("b1", [(number, "x") for number in range(500)]) for _ in range(2)]
    assert at_once(*[lambda r=r: lake.load("b1", r) for r in reports]) == [None] * 2
    assert [row[1] for row in lake.rows()] == list(range(500))
    assert lake.ledger() == [("b1", "loaded", 501, 1, 500)]


def test_two_batches_of_one_feed_at_once(lake):
    reports = {f"b{n}": lake.write(f"b{n}", [(n, "x")] * 200) for n in range(3)}
    calls = [lambda b=b, r=r: lake.load(b, r) for b, r in reports.items()]
    assert at_once(*calls) == [None] * 3
    assert lake.rows() == [(f"b{n}", n, "x") for n in range(3) for _ in range(200)]


def test_a_column_that_the_contract_gained_is_added(lake):
    lake.load("b1", lake.write("b1", [(1, "a")]))
    first, second = lake.feed.columns
    wider = replace(lake.feed, columns=(first, Column("extra", "varchar(9)"), second))
    lake.load("b2", lake.write("b2", [(2, "new", "b")], feed=wider), feed=wider)
    rows = lake.query(f"select order_id, extra, note from staging.{lake.feed.table} order by 1")
    assert rows == [(1, None, "a"), (2, "new", "b")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            (Column("order_id", "integer", required=True), Column("note", "varchar(5)")),
            "column order_id is bigint in the table, integer in the contract",
        ),
        (
            (Column("order_id", "bigint", required=True), Column("note", "varchar(9)")),
            "column note is varchar(5) in the table, varchar(9) in the contract",
        ),
        (
            (Column("order_id", "bigint", required=True),),
            "column note is in the table but no longer in the contract",
        ),
    ],
)
def test_what_takes_a_migration_stops_the_load(lake, columns, message):
    changed = replace(lake.feed, columns=columns)
    with pytest.raises(SchemaDrift) as caught:
        lake.load("b1", lake.write("b1", [(1, "a")]), feed=changed)
    assert message in str(caught.value)
    assert "_shop__sources.yml" in str(caught.value)
    assert lake.rows() == []
