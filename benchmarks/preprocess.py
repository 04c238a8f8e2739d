"""Preprocessing against a bare Spark read, cast and write of the same rows, and its memory."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.pair import Bound, Measurement, Pair, Side
from benchmarks.trips import SHAPES, Shape
from infra.local.java import find_java_home
from infra.local.livy.submit import s3_mounts
from spark_jobs import preprocess
from spark_jobs.session import build_session
from spark_jobs.storage import Storage
from spark_jobs.writer import plan_files

TARGET = 1.25  # 80% of the throughput
HEAP = "768m"
GROWTH = 1.2  # of the live heap, from one file size to four times it
_ROW_GROUP = "parquet.block.size"
_PAUSE = 0.4  # seconds between two looks at the heap, for which Java stops


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """Time for each format, then memory."""
    with tempfile.TemporaryDirectory() as folder, _spark(Path(folder)) as spark:
        lake = Path(folder) / "s3" / "lake"
        measurements: list[Measurement] = []
        for shape in SHAPES:
            shape.write(lake / shape.name)
            size = sum(file.stat().st_size for file in (lake / shape.name).iterdir())
            clear = partial(_clear, lake)
            bare = Side("bare read, cast, write", partial(_bare, spark, shape), clear)
            ours = Side("preprocess", partial(_preprocess, shape), clear)
            name = f"{shape.title}, {size / 2**20:.0f} MB"
            measurements.append(Pair(name, bare, ours, TARGET, rounds=2))
        yield [
            *measurements,
            Bound(
                "live heap through a file, against that through a file of a quarter its size",
                partial(_growth, spark, SHAPES[0], lake),
                GROWTH,
                "times",
            ),
        ]


@contextlib.contextmanager
def _spark(folder: Path) -> Iterator[SparkSession]:
    (folder / "s3" / "lake").mkdir(parents=True)
    os.environ["JAVA_HOME"] = str(find_java_home(folder / "java"))
    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", HEAP)
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC",
        **s3_mounts(folder / "s3"),
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    builder.getOrCreate()
    session = build_session("benchmark")  # both sides with the settings of the job
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


def _clear(lake: Path) -> None:
    for name in ("staged", "rejected"):
        shutil.rmtree(lake / name, ignore_errors=True)


def _bare(spark: SparkSession, shape: Shape) -> None:
    """Write the same columns; files are cut as the job cuts them, and as many are written."""
    files = f"s3://lake/{shape.name}/*"
    count = plan_files(spark, shape.feed, Storage(spark).glob(files), slices=1)
    shape.read(spark, files).selectExpr(
        *shape.casts,
        "'20210901T000000' as _batch_id",
        "_metadata.file_path as _source_file",
        "timestamp '2021-10-01 00:00:00' as _loaded_at",
    ).coalesce(count).write.parquet("s3://lake/staged/")


def _preprocess(shape: Shape) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        preprocess.run(
            shape.feed,
            batch_id="20210901T000000",
            pattern=f"s3://lake/{shape.name}/*",
            output="s3://lake/staged/",
            rejected="s3://lake/rejected/",
        )


def _growth(spark: SparkSession, shape: Shape, lake: Path) -> float:
    """Return how many times as much heap a file of four times the size takes.

    Row groups are small, so that the Parquet writer's buffer is as full with either file.
    """
    conf: Any = spark.sparkContext._jsc
    conf.hadoopConfiguration().set(_ROW_GROUP, str(2 * 2**20))
    whole = next((lake / shape.name).iterdir()).read_bytes()
    live = []
    try:
        for number, share in enumerate((4, 1, 4, 1)):
            folder = lake / f"memory{number}"
            folder.mkdir()
            part = whole[: len(whole) // share]
            (folder / "a.csv").write_bytes(part[: part.rindex(b"\n") + 1])
            _clear(lake)
            live.append(_live_heap(spark, partial(_preprocess, shape.at(folder.name))))
    finally:
        conf.hadoopConfiguration().unset(_ROW_GROUP)
    return live[3] / live[2]


def _live_heap(spark: SparkSession, run: partial[None]) -> float:
    """Return the most bytes that were alive, by collections while it runs."""
    java: Any = spark.sparkContext._jvm
    bean = java.java.lang.management.ManagementFactory.getMemoryMXBean()
    most, ended = 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not ended.wait(_PAUSE):
            java.System.gc()
            most = max(most, int(bean.getHeapMemoryUsage().getUsed()))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        run()
    finally:
        ended.set()
        watcher.join()
    return most
