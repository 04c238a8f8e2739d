"""At which line of its file a rejected record begins.

A task numbers the lines of the block that it reads. Lines of blocks before it in the same file are
counted in a pass of their own, which parses nothing and is made for files of several blocks only.
Records that span lines (`multiline`) are numbered by Spark, and the same parser goes through the
file once more on the driver to say where they begin: its memory does not grow with the file, but it
is one thread per file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.sql import SparkSession

from spark_jobs import sql
from spark_jobs.feed import SOURCE_FILE, Feed, Format
from spark_jobs.headers import Family
from spark_jobs.reader import BLOCK, ROW, multiline_options, paths_of, source_file
from spark_jobs.storage import Storage, StoredFile

_WHOLE = (".gz", ".deflate", ".snappy", ".lz4", ".zst")  # read by one task each


def line_of(spark: SparkSession, feed: Feed, families: Iterable[Family], block_bytes: int) -> str:
    """Return the SQL of a record's line, from 1; of a Parquet file it is the row's number.

    With `multiline` it is the record's number: `start_lines` turns it into a line.
    """
    if feed.files.format is Format.PARQUET:
        return f"{ROW} + 1"
    if feed.files.multiline:
        return f"{ROW} + {1 + feed.files.header}"
    long = [
        file
        for family in families
        for file in family.files
        if file.size > block_bytes and not file.url.lower().endswith(_WHOLE)
    ]
    before = _lines_before(spark, long) if long else {}
    if not before:
        return f"{ROW} + 1"
    pairs = ", ".join(f"{sql.literal(key)}, {count}L" for key, count in before.items())
    return f"{ROW} + 1 + coalesce(try_element_at(map({pairs}), {_key()}), 0L)"


def start_lines(
    storage: Storage, feed: Feed, file: StoredFile, records: Sequence[int]
) -> dict[int, int]:
    """Return the line at which records of a `multiline` file begin; both count from 1."""
    options = multiline_options(feed.files)
    return storage.record_lines(file.url, options, feed.files.charset, sorted(set(records)))


def _lines_before(spark: SparkSession, files: Sequence[StoredFile]) -> dict[str, int]:
    """Count the lines in each block of some files; return how many stand before it in its file."""
    counts = (
        spark.read.text(paths_of(files))
        .selectExpr(source_file(files), f"_metadata.file_block_start as {BLOCK}")
        .groupBy(SOURCE_FILE, BLOCK)
        .count()
        .collect()
    )
    blocks: dict[str, list[Any]] = defaultdict(list)
    for row in counts:
        blocks[row[0]].append((row[1], row[2]))
    before = {}
    for name, found in blocks.items():
        total = 0
        for start, lines in sorted(found):
            before[f"{name}#{start}"] = total
            total += lines
    return before


def _key() -> str:
    return f"concat({SOURCE_FILE}, '#', {BLOCK})"
