"""A month of I-94 arrivals from raw Parquet to marts; each step and its engine.

It has 3.1 million rows, or as many as the environment's ROWS says.

The way is the laptop's own: the Spark job, the load with COPY, ledger and checks, and dbt through
the gateway. Each step is then held against a bare run of the same work: Spark reads, casts and
writes the same columns, the loader's three included; PostgreSQL takes the same Parquet files, which
pgpq decodes for it, and makes the same tables from the same SQL, one after the other. Making the
file, and starting servers and Spark, are not counted; both sides find Spark warm, from another
month. Each bare run follows its step at once, so that a busy machine is unkind to both.
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

ROWS = int(os.environ.get("ROWS", "3_096_313"))  # those of the published April 2016
MONTH = datetime(2016, 4, 1)
TARGET = 2.0
SAMPLE_SECONDS = 0.5
BATCH = 32_768
WARM_UP = (datetime(2016, 3, 1), 20_000)  # another month, which is never loaded
SLOW = 1.0  # seconds; faster models are told together
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
        self.way.warehouse.environment["DBT_WRITE_JSON"] = "true"  # `_models` reads what it says
        self.way.warehouse.built("parse")
        self.way.warehouse.built("seed", "--select", "tag:immigration")
        self._warm_up()
        ours.step("preprocess", lambda: self._preprocess(MONTH))
        bare.step("preprocess", lambda: self._cast(MONTH))
        with self._postgres() as connection:
            ours.step("load", self._load)
            bare.step("load", lambda: _copy(connection, self.way.feeds["arrivals"], self._staged()))
            ours.step("marts", lambda: self.way.warehouse.built("run", *MODELS))
            models = _models(self.way)
            bare.step("marts", lambda: _build_bare(connection, models))
        total, peak = sum(ours.seconds.values()), max(ours.peak.values()) / 1e6
        return [
            f"{ROWS:,} arrivals, raw Parquet to marts: {total:.1f} s, {peak:.0f} MB at the peak",
            *(_told(name, ours, bare) for name in ours.seconds),
            *_told_by_model(models),
        ]

    def _raw(self, month: datetime) -> Path:
        folder = self.way.stack.config.s3 / self.way.stack.config.lake_bucket
        return folder / f"raw/immigration/arrivals/{month:%Y/%m}/arrivals.parquet"

    def write(self) -> None:
        """Make the raw files."""
        for month, rows in ((MONTH, ROWS), WARM_UP):
            write_month(self._raw(month), month.date(), rows)

    def _warm_up(self) -> None:
        """Let both sides find Spark's classes loaded and compiled."""
        self._preprocess(WARM_UP[0])
        self._cast(WARM_UP[0])

    def _preprocess(self, month: datetime) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self.reports.append(self.way.preprocess("arrivals", month))

    def _cast(self, month: datetime) -> None:
        feed, target = self.way.feeds["arrivals"], self.folder / "bare"
        _cast(SparkSession.active(), feed, self._raw(month), target)

    def _load(self) -> None:
        self.way.load("arrivals", MONTH, self.reports[-1])

    def _staged(self) -> list[Path]:
        config = self.way.stack.config
        staged = config.s3 / config.lake_bucket / "staged/immigration/arrivals"
        return sorted((staged / f"{MONTH:%Y%m%dT000000}").rglob("*.parquet"))

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
            month.write()
            yield [month]


def _memory() -> int:
    """Bytes of this process and all below it, shared pages divided among those who share them."""
    total = 0
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


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
    columns += [
        functions.lit("20160401T000000").alias("_batch_id"),
        functions.col("_metadata.file_path").alias("_source_file"),
        functions.current_timestamp().alias("_loaded_at"),
    ]
    rows.select(*columns).write.parquet(f"file://{target}")


def _copy(connection: psycopg.Connection[Any], feed: Feed, files: list[Path]) -> None:
    """The staged files into a table without keys and checks, as fast as one process can."""
    connection.execute(f"create table bare.{feed.table} (like staging.{feed.table})")
    encoder = ArrowToPostgresBinaryEncoder(pq.ParquetFile(files[0]).schema_arrow)
    statement = f"copy bare.{feed.table} from stdin (format binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(encoder.write_header())
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=BATCH):
                copy.write(encoder.write_batch(batch))
        copy.write(encoder.finish())


@dataclass
class Model:
    """A model that dbt built, and its bare twin: the same SQL as a table or view of `bare`."""

    name: str
    seconds: float
    statements: list[str]
    bare_seconds: float = 0.0

    def build_bare(self, connection: psycopg.Connection[Any]) -> None:
        """Run the statements, as one transaction; note their seconds."""
        start = time.perf_counter()
        with connection.transaction():
            for statement in self.statements:
                connection.execute(statement)
        self.bare_seconds = time.perf_counter() - start


def _build_bare(connection: psycopg.Connection[Any], models: list[Model]) -> None:
    for model in models:
        model.build_bare(connection)


def _models(way: Way) -> list[Model]:
    """What dbt built, in the order in which it was ready, with its SQL as dbt compiled it."""
    target = Path(way.warehouse.environment["DBT_TARGET_PATH"])
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    results.sort(key=lambda result: result["timing"][-1]["completed_at"])
    built = [nodes[result["unique_id"]] for result in results]
    models = []
    for node, result in zip(built, results, strict=True):
        text = result["compiled_code"]
        for pattern, words in WORDS:
            text = pattern.sub(words, text)
        for other in built:
            text = text.replace(other["relation_name"], f"bare.{other['name']}")
        models.append(
            Model(node["name"], result["execution_time"], _statements(node, text.rstrip("; \n")))
        )
    return models


def _statements(node: dict[str, Any], query: str) -> list[str]:
    """A view, or as dbt makes a table with a contract: declared first, then filled."""
    name = f"bare.{node['name']}"
    if node["config"]["materialized"] == "view":
        return [f"create view {name} as\n{query}"]
    columns = {column["name"]: column["data_type"] for column in node["columns"].values()}
    declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    return [
        f"create table {name} ({declared})",
        f"insert into {name}\nselect {', '.join(columns)} from (\n{query}\n) as query",
    ]


def _told(name: str, ours: Watch, bare: Watch) -> str:
    seconds, reference = ours.seconds[name], bare.seconds[name]
    verdict = "ok" if seconds / reference <= TARGET else "over"
    return (
        f"  {name:<11} {seconds:6.1f} s  {seconds / sum(ours.seconds.values()):4.0%}  "
        f"peak {ours.peak.get(name, 0) / 1e6:5.0f} MB  bare {reference:6.1f} s  "
        f"ratio {seconds / reference:.2f}; target {TARGET:.2f}: {verdict}"
    )


def _told_by_model(models: list[Model]) -> list[str]:
    """The slow models, slowest first; dbt builds several at once, the bare run one at a time."""
    slow = [model for model in models if max(model.seconds, model.bare_seconds) >= SLOW]
    slow.sort(key=lambda model: model.seconds, reverse=True)
    return [
        f"    {model.name:<32} {model.seconds:6.1f} s  bare {model.bare_seconds:6.1f} s"
        for model in slow
    ]
