"""At which line of its file a rejected record begins.

A task numbers the lines that it reads, of one piece of a file or of several. With which number a
piece began, and how many lines stand before it in its file, says a second scan, which parses
nothing and is made only when there are rejects. Records that span lines (`multiline`) are numbered
by Spark, and the same parser goes through the file once more on the driver to say where they begin:
its memory does not grow with the file, but it is one thread per file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  (its customary name)

from spark_jobs import sql
from spark_jobs.feed import SOURCE_FILE, Feed, Format
from spark_jobs.headers import Family
from spark_jobs.reader import BLOCK, ROW, multiline_options, scan
from spark_jobs.storage import Storage

LINE = "_line"
_MANY_LINES = 100_000  # rejects of `multiline` files for which the driver looks up lines


def with_lines(
    spark: SparkSession,
    storage: Storage,
    feed: Feed,
    families: Sequence[Family],
    rows: DataFrame,
    count: int,
) -> DataFrame:
    """Return so many rows with `_line`, from 1; of a Parquet file it is the row's number.

    It is NULL where records span lines and too many are asked for.
    """
    if feed.files.format is Format.PARQUET:
        return rows.selectExpr("*", f"{ROW} + 1 as {LINE}")
    if not spans_lines(feed):
        return _numbered(spark, feed, families, rows, 1)
    if count > _MANY_LINES:
        return rows.selectExpr("*", f"cast(null as bigint) as {LINE}")
    numbered = _numbered(spark, feed, families, rows, 1 + feed.files.header)
    return _at_lines(spark, storage, feed, families, numbered)


def spans_lines(feed: Feed) -> bool:
    """Whether records may span lines: only text that is split into fields has such."""
    return feed.files.multiline and feed.files.format is Format.CSV


def _numbered(
    spark: SparkSession, feed: Feed, families: Sequence[Family], rows: DataFrame, first: int
) -> DataFrame:
    """Number the lines or records of each file; its first is `first`."""
    scans = [scan(spark, feed, family).select(SOURCE_FILE, BLOCK, ROW) for family in families]
    pieces = reduce(DataFrame.union, scans).groupBy(SOURCE_FILE, BLOCK)
    found = pieces.agg(F.min(ROW), F.count(F.lit(1))).collect()
    before: Counter[str] = Counter()  # lines of a file that stand before a piece
    starts = []
    for name, block, begun, lines in sorted(found):
        starts.append((name, block, before[name] - begun + first))
        before[name] += lines
    columns = f"{SOURCE_FILE} string", f"{BLOCK} bigint", "_start bigint"
    joined = rows.join(F.broadcast(sql.table(spark, starts, columns)), [SOURCE_FILE, BLOCK])
    return joined.selectExpr("*", f"{ROW} + _start as {LINE}").drop("_start")


def _at_lines(
    spark: SparkSession,
    storage: Storage,
    feed: Feed,
    families: Sequence[Family],
    rows: DataFrame,
) -> DataFrame:
    """Replace the numbers of records that span lines by the lines at which they begin."""
    records: dict[str, set[int]] = {}
    for name, number in rows.select(SOURCE_FILE, LINE).collect():
        records.setdefault(name, set()).add(number)
    files = {file.name: file.url for family in families for file in family.files}
    options, charset = multiline_options(feed.files), feed.files.charset
    known = [
        (name, number, line)
        for name, numbers in records.items()
        for number, line in storage.record_lines(
            files[name], options, charset, sorted(numbers)
        ).items()
    ]
    columns = f"{SOURCE_FILE} string", f"{LINE} bigint", "_begins bigint"
    joined = rows.join(F.broadcast(sql.table(spark, known, columns)), [SOURCE_FILE, LINE], "left")
    return joined.drop(LINE).withColumnRenamed("_begins", LINE)
