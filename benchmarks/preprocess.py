"""Preprocessing against a bare Spark read, cast and write of the same rows, and its memory.

Files are large enough for what no row costs (planning, starting jobs, compiling) not to decide, and
a quarter of them tells it apart from what a row costs. Each kind of file has a Java of its own, as
each batch has: one that has compiled the code of other feeds before runs all of them slower.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.pair import Bound, Measurement, Side
from benchmarks.trips import SHAPES, Shape
from benchmarks.volume import Volume, Volumes
from infra.local.java import find_java_home
from infra.local.livy.submit import s3_mounts
from spark_jobs import preprocess
from spark_jobs.session import COMPILES_ALL, build_session
from spark_jobs.storage import Storage
from spark_jobs.writer import plan_files

TARGET = 1.25  # 80% of the throughput
HEAP = "768m"
GROWTH = 1.2  # of the live heap, from one file size to `SHARE` times it
SHARE = 4
_REPEATS = 48  # of the larger file; both are read by two tasks
_ROW_GROUP = "parquet.block.size"
_PAUSE = 1.0  # seconds between two looks at the heap, for which Java stops


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """Time for each format, then memory."""
    yield [
        *(_Alone(partial(_compared, number)) for number in range(len(SHAPES))),
        _Alone(_heap),
    ]


@dataclass(frozen=True)
class _Alone:
    """A measurement in a process of its own."""

    measure: Callable[[], list[str]]

    def lines(self) -> list[str]:
        """Measure in the process."""
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=1, mp_context=spawned) as pool:
            return pool.submit(self.measure).result()


def _compared(number: int) -> list[str]:
    with (
        tempfile.TemporaryDirectory() as folder,
        _spark(Path(folder)) as spark,
        _volumes(spark, SHAPES[number], Path(folder) / "s3" / "lake") as measurement,
    ):
        return measurement.lines()


def _heap() -> list[str]:
    title = f"live heap through a file, against that through one of 1/{SHARE} of its size"
    with tempfile.TemporaryDirectory() as folder, _spark(Path(folder)) as spark:
        growth = partial(_growth, spark, SHAPES[0], Path(folder) / "s3" / "lake")
        return Bound(title, growth, GROWTH, "times").lines()


@contextlib.contextmanager
def _volumes(spark: SparkSession, shape: Shape, lake: Path) -> Iterator[Measurement]:
    small = shape.at(f"{shape.name}-part", shape.repeats // 4)
    clear = partial(_clear, lake)

    def volume(shape: Shape) -> Volume:
        shape.write(shape.repeats, lake / shape.name)
        bare = Side("bare read, cast, write", partial(_bare, spark, shape), clear)
        return Volume(shape.rows, bare, Side("preprocess", partial(_preprocess, shape), clear))

    volumes = volume(small), volume(shape)
    size = sum(file.stat().st_size for file in (lake / shape.name).iterdir())
    yield Volumes(f"{shape.title}, {size / 2**20:.0f} MB", *volumes, TARGET)
    for each in (small, shape):
        shutil.rmtree(lake / each.name)


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
        "spark.driver.extraJavaOptions": f"-XX:+UseSerialGC {COMPILES_ALL}",
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
    """Return how many times as much heap a file of several times the size takes.

    Row groups are small, so that the Parquet writer's buffer is as full with either file.
    """
    conf: Any = spark.sparkContext._jsc
    conf.hadoopConfiguration().set(_ROW_GROUP, str(2 * 2**20))
    live = []
    try:
        for share in (SHARE, 1):
            part = shape.at(f"memory-{share}", _REPEATS // share)
            part.write(part.repeats, lake / part.name)
            _clear(lake)
            live.append(_live_heap(spark, partial(_preprocess, part)))
            shutil.rmtree(lake / part.name)
    finally:
        conf.hadoopConfiguration().unset(_ROW_GROUP)
    return live[1] / live[0]


def _live_heap(spark: SparkSession, run: partial[None]) -> float:
    """Return the most bytes that were alive, by full collections while it runs.

    It is what they left: a look at the heap afterwards would count what was made since.
    """
    java: Any = spark.sparkContext._jvm
    pools = [
        pool
        for pool in java.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
        if str(pool.getType()) == "Heap memory"
    ]
    most, ended = 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not ended.wait(_PAUSE):
            java.System.gc()
            most = max(most, sum(int(pool.getCollectionUsage().getUsed()) for pool in pools))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        run()
    finally:
        ended.set()
        watcher.join()
    return most
