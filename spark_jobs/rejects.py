"""The rejected rows of a batch: found again, explained, located and written."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  (its customary name)

from spark_jobs import lines, writer
from spark_jobs.counts import RejectCount, Totals
from spark_jobs.feed import SOURCE_FILE
from spark_jobs.headers import Family
from spark_jobs.raw_files import Unreadable
from spark_jobs.reader import BUCKETS, Again, read_files
from spark_jobs.rules import Rule
from spark_jobs.session import read_in_blocks
from spark_jobs.storage import Storage
from spark_jobs.transform import explain_rejects

_MANY_BUCKETS = 5_000  # from here on a second reading may as well look at every record
_MANY_LINES = 100_000  # rejects of `multiline` files for which the driver looks up lines
_LEAST_BLOCK = 32 * 2**20
_BLOCK = 128 * 2**20
_SCHEMA = (
    f"{SOURCE_FILE} string, line bigint, rule string, `column` string, value string, raw string, "
    "reason string"
)


def write(
    spark: SparkSession,
    storage: Storage,
    attempt: writer.Attempt,
    families: Sequence[Family],
    totals: Totals,
    unreadable: Sequence[Unreadable],
) -> list[RejectCount]:
    """Write every rejected row and file with its reasons; return their counts."""
    frames = []
    if totals.rejected > len(unreadable):
        frames.append(_rows(spark, storage, attempt, families, totals))
    if unreadable:
        files = [
            (u.file.name, None, Rule.FILE.value, None, None, None, u.reason) for u in unreadable
        ]
        frames.append(spark.createDataFrame(files, _SCHEMA))
    found = frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1])
    return writer.write_rejected(found, attempt, totals.rejected)


def _rows(
    spark: SparkSession,
    storage: Storage,
    attempt: writer.Attempt,
    families: Sequence[Family],
    totals: Totals,
) -> DataFrame:
    feed = attempt.feed
    size = sum(file.size for family in families for file in family.files)
    cores = spark.sparkContext.defaultParallelism
    block = max(_LEAST_BLOCK, min(_BLOCK, size // cores + 1))
    read_in_blocks(spark, block)
    line = lines.line_of(spark, feed, families, block)
    few = len(totals.buckets) <= _MANY_BUCKETS
    again = Again(totals.buckets if few else range(BUCKETS))
    found = explain_rejects(read_files(spark, feed, families, again), feed, line)
    if not feed.files.multiline:
        return found
    if totals.rejected > _MANY_LINES:
        return found.withColumn("line", F.lit(None).cast("bigint"))
    return _with_lines(spark, storage, attempt, families, found.persist())


def _with_lines(
    spark: SparkSession,
    storage: Storage,
    attempt: writer.Attempt,
    families: Sequence[Family],
    found: DataFrame,
) -> DataFrame:
    """Replace the numbers of records that span lines by the lines at which they begin."""
    records: dict[str, list[int]] = {}
    for name, number in found.select(SOURCE_FILE, "line").collect():
        records.setdefault(name, []).append(number)
    files = {file.name: file for family in families for file in family.files}
    known = [
        (name, number, line)
        for name, numbers in records.items()
        for number, line in lines.start_lines(storage, attempt.feed, files[name], numbers).items()
    ]
    table = spark.createDataFrame(known, f"{SOURCE_FILE} string, line bigint, start bigint")
    joined = found.join(F.broadcast(table), [SOURCE_FILE, "line"], "left")
    return joined.withColumn("line", F.col("start")).select(*found.columns)
