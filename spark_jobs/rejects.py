"""The rejected rows of a batch: taken from where they were set aside, explained, written."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession

from spark_jobs import sql, writer
from spark_jobs.counts import RejectCount, Totals
from spark_jobs.feed import SOURCE_FILE
from spark_jobs.lines import LINE, find_starts, with_lines
from spark_jobs.raw_files import Unreadable
from spark_jobs.reader import Source
from spark_jobs.rules import Rule
from spark_jobs.storage import Storage
from spark_jobs.transform import explain_rejects, set_aside_rows

_NAMES = SOURCE_FILE, LINE, "rule", "column", "value", "raw", "reason"


def write(
    spark: SparkSession,
    storage: Storage,
    attempt: writer.Attempt,
    sources: Sequence[Source],
    totals: Totals,
    unreadable: Sequence[Unreadable],
) -> list[RejectCount]:
    """Write every rejected row and file with its reasons; return their counts."""
    frames: list[DataFrame] = []
    count = totals.rejected - len(unreadable)
    if count:
        stored = writer.read_set_aside(spark, attempt)
        # While tasks scan for lines, the driver plans what is done with the rejects.
        with ThreadPoolExecutor(max_workers=1) as thread:
            scans = [thread.submit(find_starts, spark, each, count) for each in sources]
            explained = [
                explain_rejects(set_aside_rows(stored, each.feed, each.rows), each.feed)
                for each in sources
            ]
            found = [scan.result() for scan in scans]
        numbered = map(partial(with_lines, spark, storage), sources, explained, found)
        frames += (rows.select(*_NAMES) for rows in numbered)
    if unreadable:
        files = [
            (u.file.name, None, Rule.FILE.value, None, None, None, u.reason) for u in unreadable
        ]
        kinds = (f"{sql.name(name)} {'bigint' if name == LINE else 'string'}" for name in _NAMES)
        frames.append(sql.table(spark, files, tuple(kinds)))
    rows = reduce(DataFrame.unionByName, frames)
    counts = writer.write_rejected(rows, attempt, totals.rejected)
    storage.delete(attempt.set_aside_folder)
    return counts
