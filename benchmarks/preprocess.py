"""Preprocessing against a bare Spark read, cast and write of the same trips, and its memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.pair import Bound, Measurement, Pair, Side
from elt_lib.contract_yaml import sources_of
from infra.local.java import find_java_home
from infra.local.livy.submit import s3_mounts
from spark_jobs import preprocess
from spark_jobs.feed import Feed, decode_feed
from spark_jobs.session import build_session

TARGET = 1.25  # 80% of the throughput
FILES = 2
MEGABYTES = 128  # per file
HEAP = "768m"
HEAP_LIMIT = 200.0  # MB that stay in use: the same for any size of file
BROKEN = 0.003
HEADER = (
    "ride_id,rideable_type,started_at,ended_at,start_station_name,start_station_id,"
    "end_station_name,end_station_id,start_lat,start_lng,end_lat,end_lng,member_casual"
)
TYPED = (
    "ride_id string, rideable_type string, started_at timestamp, ended_at timestamp, "
    "start_station_name string, start_station_id string, end_station_name string, "
    "end_station_id string, start_lat double, start_lng double, end_lat double, end_lng double, "
    "member_casual string"
)


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """Time, then memory; the contract is the project's own, from $STARLIFT_MANIFEST."""
    feed = _trips()
    with tempfile.TemporaryDirectory() as folder, _spark(Path(folder)) as spark:
        raw = Path(folder) / "s3" / "lake" / "raw"
        _write_trips(raw)
        bare = Side("bare read, cast, write", partial(_bare, spark), partial(_clear, raw.parent))
        ours = Side("preprocess", partial(_preprocess, feed), partial(_clear, raw.parent))
        megabytes = FILES * MEGABYTES
        yield [
            Pair(f"{megabytes} MB of trips, {BROKEN:.1%} broken", bare, ours, TARGET, rounds=3),
            Bound(
                f"heap that stays in use through a batch of {megabytes} MB",
                partial(_kept_heap, spark, feed, raw.parent),
                HEAP_LIMIT,
                "MB",
            ),
        ]


def _trips() -> Feed:
    path = os.environ.get("STARLIFT_MANIFEST", ".local/dbt/manifest.json")
    if not Path(path).is_file():
        raise FileNotFoundError(f"no dbt manifest at {path}: run `make manifest`")
    feeds = sources_of(json.loads(Path(path).read_text()))["bikeshare"].feeds
    return decode_feed(next(feed for feed in feeds if feed.name == "trips").spec())


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


def _write_trips(folder: Path) -> None:
    folder.mkdir()
    rng = random.Random(7)  # noqa: S311 made-up trips
    lines = [_trip(rng) for _ in range(50_000)]
    size = sum(map(len, lines)) + len(lines)
    for number in range(FILES):
        with (folder / f"{number}.csv").open("w") as file:
            file.write(f"{HEADER}\n")
            for _ in range(MEGABYTES * 2**20 // size):
                rng.shuffle(lines)
                file.write("\n".join(lines) + "\n")


def _trip(rng: random.Random) -> str:
    start, minutes = rng.randrange(28 * 1440), rng.randrange(1, 600)
    origin, target = rng.randrange(600), rng.randrange(600)
    fields = [
        f"{rng.getrandbits(64):016X}",
        rng.choice(["docked_bike", "electric_bike", "classic_bike"]),
        *(_moment(start, rng), _moment(start + minutes, rng)),
        *(f"Station {origin} & Clark St", str(origin), f"Station {target} & Clark St", str(target)),
        *(f"{rng.uniform(41, 42):.6f}", f"{rng.uniform(-88, -87):.6f}"),
        *(f"{rng.uniform(41, 42):.6f}", f"{rng.uniform(-88, -87):.6f}"),
        rng.choice(["member", "casual"]),
    ]
    if rng.random() < BROKEN:
        fields[rng.choice([0, 2])] = ""
    return ",".join(fields)


def _moment(minute: int, rng: random.Random) -> str:
    day, rest = divmod(minute, 1440)
    return f"2021-09-{day + 1:02} {rest // 60:02}:{rest % 60:02}:{rng.randrange(60):02}"


def _clear(lake: Path) -> None:
    for name in ("staged", "rejected"):
        shutil.rmtree(lake / name, ignore_errors=True)


def _bare(spark: SparkSession) -> None:
    rows = spark.read.schema(TYPED).options(header=True, timestampFormat="yyyy-MM-dd HH:mm:ss")
    rows.csv("s3://lake/raw/*.csv").write.parquet("s3://lake/staged/")


def _preprocess(feed: Feed) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        preprocess.run(
            feed,
            batch_id="20210901T000000",
            pattern="s3://lake/raw/*.csv",
            output="s3://lake/staged/",
            rejected="s3://lake/rejected/",
        )


def _kept_heap(spark: SparkSession, feed: Feed, lake: Path) -> float:
    """Return the most of the old generation that was in use after a collection, in MB."""
    java: Any = spark.sparkContext._jvm
    pools = java.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
    old = next(pool for pool in pools if "Tenured" in pool.getName())
    kept = 0
    for _ in range(2):
        _clear(lake)
        _preprocess(feed)
        java.System.gc()
        kept = max(kept, int(old.getCollectionUsage().getUsed()))
    return kept / 2**20
