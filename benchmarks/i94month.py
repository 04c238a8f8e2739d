"""A month of I-94 arrivals, 3.1 million rows, from raw Parquet to marts; each step and its engine.

The way is the laptop's own: the Spark job, the load with COPY, ledger and checks, and dbt through
the gateway. Each step is then held against a bare run of the same work: Spark reads, casts and
writes the same columns; PostgreSQL loads the same rows from a binary file of its own, and makes the
same tables from the same SQL. Making the file, and starting servers and Spark, are not counted.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pyarrow.parquet as pq
from pgpq import ArrowToPostgresBinaryEncoder
from pyspark.sql import SparkSession, functions

from benchmarks.build import WORDS
from benchmarks.pair import Measurement
from elt_lib.contract import Feed
from elt_lib.load import Report
from infra.local.environment import WAREHOUSE
from infra.local.samples.immigration_month import write_month
from tests.dbt_project.whole_way import Way, whole_way

ROWS = 3_096_313  # the published April 2016
MONTH = datetime(2016, 4, 1)
TARGET = 2.0
SAMPLE_SECONDS = 0.5
BATCH = 32_768
MODELS = ("--select", "tag:immigration", "tag:shared")


@dataclass
class Watch:
    """The memory of this process, Spark and the servers together, sampled while steps run."""

    peak: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def step(self, name: str, work: Callable[[], object]) -> None:
        """Run a step; note its seconds and the most memory (PSS, bytes) in use meanwhile."""
        done = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(name, done))
        sampler.start()
        start = time.perf_counter()
        try:
            work()
        finally:
            self.seconds[name] = time.perf_counter() - start
            done.set()
            sampler.join()

    def _sample(self, name: str, done: threading.Event) -> None:
        while not done.wait(SAMPLE_SECONDS):
            self.peak[name] = max(self.peak.get(name, 0), _memory())


@dataclass(frozen=True)
class Month:
    """The whole way of the month, and the bare run of each step."""

    way: Way
    folder: Path
    reports: list[Report] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Run all, and say how long each step took, its share, its memory and its ratio."""
        ours, bare = Watch(), Watch()
        self.way.warehouse.built("parse")
        self.way.warehouse.built("seed", "--select", "tag:immigration")
        spark, feed = SparkSession.active(), self.way.feeds["arrivals"]
        _warm_up(spark, self.folder)
        ours.step("preprocess", self._preprocess)
        ours.step("load", self._load)
        ours.step("marts", lambda: self.way.warehouse.built("run", *MODELS))
        staged = self._staged()
        bare.step("preprocess", lambda: _cast(spark, feed, self._raw(), self.folder / "bare"))
        binary = self.folder / "arrivals.binary"
        _encode(staged, binary)
        with self._postgres() as connection:
            bare.step("load", lambda: _copy_binary(connection, feed, binary))
            statements = _statements(self.way)
            bare.step("marts", lambda: [connection.execute(sql) for sql in statements])
        total = sum(ours.seconds.values())
        found = []
        for name, seconds in ours.seconds.items():
            ratio = seconds / bare.seconds[name]
            verdict = "ok" if ratio <= TARGET else "over"
            found.append(
                f"  {name:<11} {seconds:6.1f} s  {seconds / total:4.0%}  "
                f"peak {ours.peak.get(name, 0) / 1e6:5.0f} MB  bare {bare.seconds[name]:6.1f} s  "
                f"ratio {ratio:.2f}; target {TARGET:.2f}: {verdict}"
            )
        peak = max(ours.peak.values()) / 1e6
        head = (
            f"{ROWS:,} arrivals from raw Parquet to marts: {total:.1f} s, {peak:.0f} MB at the peak"
        )
        return [head, *found]

    def _raw(self) -> Path:
        config = self.way.stack.config
        return config.s3 / config.lake_bucket / "raw/immigration/arrivals/2016/04/april.parquet"

    def _preprocess(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self.reports.append(self.way.preprocess("arrivals", MONTH))

    def _load(self) -> None:
        self.way.load("arrivals", MONTH, self.reports[-1])

    def _staged(self) -> list[Path]:
        config = self.way.stack.config
        return sorted((config.s3 / config.lake_bucket / "staged").rglob("*.parquet"))

    @contextlib.contextmanager
    def _postgres(self) -> Iterator[psycopg.Connection[Any]]:
        config = self.way.stack.config
        with psycopg.connect(
            host="127.0.0.1",
            port=config.ports.postgres,
            user="postgres",
            password=config.secrets.postgres_password,
            dbname=WAREHOUSE,
            autocommit=True,
        ) as connection:
            connection.execute("create schema bare")
            yield connection


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """One run of the month; the contract is the project's own, from $STARLIFT_MANIFEST."""
    manifest = Path(os.environ.get("STARLIFT_MANIFEST", ".local/dbt/manifest.json"))
    if not manifest.is_file():
        raise FileNotFoundError(f"no dbt manifest at {manifest}: run `make manifest`")
    with tempfile.TemporaryDirectory(prefix="starlift-bench-") as name:
        folder = Path(name)
        with whole_way(folder, manifest, "immigration") as way:
            month = Month(way, folder)
            write_month(month._raw(), MONTH.date(), ROWS)
            yield [month]


def _memory() -> int:
    """Bytes of this process and all below it, shared pages divided among those who share them."""
    total = 0
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


def _warm_up(spark: SparkSession, folder: Path) -> None:
    """Let both sides find Spark's classes loaded."""
    spark.range(1000).write.parquet(f"file://{folder}/warm")
    spark.read.parquet(f"file://{folder}/warm").count()


def _cast(spark: SparkSession, feed: Feed, raw: Path, target: Path) -> None:
    """What any job over these files has to do: read, cast each column, write."""
    shutil.rmtree(target, ignore_errors=True)
    rows = spark.read.parquet(f"file://{raw}")
    columns = []
    for column in feed.columns:
        source = next((n for n in (column.name, *column.aliases) if n in rows.columns), None)
        value = functions.col(source) if source else functions.lit(None)
        kind = str(column.type)
        if kind == "date":
            value = functions.date_add(functions.lit("1960-01-01").cast("date"), value.cast("int"))
        elif kind in {"smallint", "integer", "bigint"}:
            value = value.cast(kind)
        else:
            value = value.cast("string")
        columns.append(value.alias(column.name))
    rows.select(*columns).write.parquet(f"file://{target}")


def _encode(files: list[Path], binary: Path) -> None:
    """The staged rows as PostgreSQL's binary file."""
    encoder = ArrowToPostgresBinaryEncoder(pq.ParquetFile(files[0]).schema_arrow)
    with binary.open("wb") as out:
        out.write(encoder.write_header())
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=BATCH):
                out.write(encoder.write_batch(batch))
        out.write(encoder.finish())


def _copy_binary(connection: psycopg.Connection[Any], feed: Feed, binary: Path) -> None:
    connection.execute(f"create table bare.{feed.table} (like staging.{feed.table})")
    connection.execute(f"copy bare.{feed.table} from '{binary}' (format binary)")


def _statements(way: Way) -> list[str]:
    """The models' SQL as dbt compiled it, in the order in which they were built, in `bare`."""
    target = Path(way.warehouse.environment["DBT_TARGET_PATH"])
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    results.sort(key=lambda result: result["timing"][-1]["completed_at"])
    built = [nodes[result["unique_id"]] for result in results]
    statements = []
    for node, result in zip(built, results, strict=True):
        text = result["compiled_code"]
        for pattern, words in WORDS:
            text = pattern.sub(words, text)
        for other in built:
            text = text.replace(other["relation_name"], f"bare.{other['name']}")
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        statements.append(f"create {kind} bare.{node['name']} as\n{text}")
    return statements
