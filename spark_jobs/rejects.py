"""The rejected rows of a batch: taken from where they were set aside, explained, written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from spark_jobs import sql, writer
from spark_jobs.counts import RejectCount, Totals
from spark_jobs.feed import SOURCE_FILE
from spark_jobs.lines import with_lines
from spark_jobs.raw_files import Unreadable
from spark_jobs.reader import Source
from spark_jobs.rules import Rule
from spark_jobs.storage import Storage
from spark_jobs.transform import explain_rejects, set_aside_rows

_COLUMNS = (
    *(f"{SOURCE_FILE} string", "line bigint", "rule string", "`column` string"),
    *("value string", "raw string", "reason string"),
)


def write(
    spark: SparkSession,
    storage: Storage,
    attempt: writer.Attempt,
    sources: Sequence[Source],
    totals: Totals,
    unreadable: Sequence[Unreadable],
) -> list[RejectCount]:
    """Write every rejected row and file with its reasons; return their counts."""
    frames = []
    count = totals.rejected - len(unreadable)
    if count:
        stored = writer.read_set_aside(spark, attempt)
        for each in sources:
            rows = set_aside_rows(stored, each.feed, each.rows)
            rows = with_lines(spark, storage, each.feed, each.families, rows, count)
            frames.append(explain_rejects(rows, each.feed))
    if unreadable:
        files = [
            (u.file.name, None, Rule.FILE.value, None, None, None, u.reason) for u in unreadable
        ]
        frames.append(sql.table(spark, files, _COLUMNS))
    found = reduce(DataFrame.unionByName, frames)
    counts = writer.write_rejected(found, attempt, totals.rejected)
    storage.delete(attempt.set_aside_folder)
    return counts
