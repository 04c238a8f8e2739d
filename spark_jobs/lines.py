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
from spark_jobs.reader import BLOCK, ROW, Source, multiline_options, scan
from spark_jobs.storage import Storage

LINE = "line"
Starts = Sequence[tuple[str, int, int]]
_MANY_LINES = 100_000  # rejects of `multiline` files for which the driver looks up lines


def find_starts(spark: SparkSession, source: Source, count: int) -> Starts | None:
    """Scan the files for so many rejects: return file, block and what to add to `_row` there.

    Nothing is scanned where `with_lines` needs no more than the rows.
    """
    files = source.feed.files
    if files.format is Format.PARQUET or (spans_lines(source.feed) and count > _MANY_LINES):
        return None
    places = reduce(DataFrame.union, [_places(spark, source.feed, f) for f in source.families])
    found = places.groupBy(SOURCE_FILE, BLOCK).agg(F.min(ROW), F.count(F.lit(1))).collect()
    first = 1 + files.header if spans_lines(source.feed) else 1
    before: Counter[str] = Counter()  # lines of a file that stand before a piece
    starts = []
    for name, block, begun, lines in sorted(found):
        starts.append((name, block, before[name] - begun + first))
        before[name] += lines
    return starts


def with_lines(
    spark: SparkSession, storage: Storage, source: Source, rows: DataFrame, starts: Starts | None
) -> DataFrame:
    """Return rows with `line` besides, from 1; of a Parquet file it is the row's number.

    It is NULL where records span lines and there are too many rejects to look their lines up.
    """
    if source.feed.files.format is Format.PARQUET:
        return rows.selectExpr("*", f"{ROW} + 1 as {LINE}")
    if starts is None:
        return rows.selectExpr("*", f"cast(null as bigint) as {LINE}")
    columns = f"{SOURCE_FILE} string", f"{BLOCK} bigint", "_start bigint"
    joined = rows.join(F.broadcast(sql.table(spark, starts, columns)), [SOURCE_FILE, BLOCK])
    numbered = joined.selectExpr("*", f"{ROW} + _start as {LINE}")
    return _at_lines(spark, storage, source, numbered) if spans_lines(source.feed) else numbered


def spans_lines(feed: Feed) -> bool:
    """Whether records may span lines: only text that is split into fields has such."""
    return feed.files.multiline and feed.files.format is Format.CSV


def _places(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    """Return file, piece and number of every line; one file is not told from others by its name."""
    lines, files = scan(spark, feed, family), family.files
    name = sql.literal(files[0].name) if len(files) == 1 else SOURCE_FILE
    return lines.selectExpr(f"{name} as {SOURCE_FILE}", BLOCK, ROW)


def _at_lines(spark: SparkSession, storage: Storage, source: Source, rows: DataFrame) -> DataFrame:
    """Replace the numbers of records that span lines by the lines at which they begin."""
    records: dict[str, set[int]] = {}
    for name, number in rows.select(SOURCE_FILE, LINE).collect():
        records.setdefault(name, set()).add(number)
    files = {file.name: file.url for family in source.families for file in family.files}
    read = source.feed.files
    options, charset = multiline_options(read), read.charset
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
