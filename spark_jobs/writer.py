"""Converted rows to files: Parquet, rejected rows, the COPY manifest and the report.

The manifest is what Redshift's COPY reads
(https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html);
the report is the batch's commit point, and is written last.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812  (its customary name)

from spark_jobs.counts import Counts, RejectCount, Totals
from spark_jobs.feed import BATCH_ID, LOADED_AT, SOURCE_FILE, Feed
from spark_jobs.reader import RAW, bucket
from spark_jobs.storage import Storage, StoredFile
from spark_jobs.transform import REJECT

# Redshift splits Parquet at 128 MB; files of 64 to 128 MB load evenly:
# https://docs.aws.amazon.com/redshift/latest/dg/c_best-practices-use-multiple-files.html
_FILE_BYTES = 96 * 2**20
_LEAST_BYTES = 8 * 2**20
# Snappy Parquet of a CSV file with trips takes about a fifth of it.
_PARQUET_SHARE = 0.2
_NO_MARKER = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}


@dataclass(frozen=True)
class Attempt:
    """One attempt at one batch; URLs end with a slash, `loaded_at` is UTC in whole seconds."""

    feed: Feed
    batch_id: str
    name: str
    loaded_at: datetime
    output: str
    rejected: str

    @property
    def parquet_folder(self) -> str:
        """Return where this attempt's Parquet files and manifest go."""
        return f"{self.output}attempt-{self.name}/"

    @property
    def rejected_folder(self) -> str:
        """Return where this attempt's rejected rows go."""
        return f"{self.rejected}attempt-{self.name}/"


def write_good(converted: DataFrame, attempt: Attempt, input_bytes: int) -> Totals:
    """Write the rows that keep the contract, and count all rows on the way.

    Their columns are the contract's in its order, then the loader's.
    """
    loaded_at = attempt.loaded_at.strftime("%Y-%m-%d %H:%M:%S")
    found = f"if({REJECT} is null, null, cast({bucket(f'{REJECT}.{RAW}')} as string))"
    # Counted in the task that writes: no second pass over the data, and no cache of it.
    seen = Observation()
    good = (
        converted.observe(
            seen,
            F.count(F.lit(1)).alias("raw"),
            F.count(REJECT).alias("rejected"),
            F.expr(f"array_join(collect_set({found}), ' ') as buckets"),
        )
        .where(F.col(REJECT).isNull())
        .select(
            *(F.col(column.name) for column in attempt.feed.columns),
            F.lit(attempt.batch_id).alias(BATCH_ID),
            F.col(SOURCE_FILE),
            F.lit(loaded_at).cast("timestamp").alias(LOADED_AT),
        )
    )
    cores = converted.sparkSession.sparkContext.defaultParallelism
    files = file_count(input_bytes, cores)
    good.coalesce(files).write.options(**_NO_MARKER).parquet(attempt.parquet_folder)
    raw, rejected, buckets = (seen.get[key] for key in ("raw", "rejected", "buckets"))
    return Totals(raw, rejected, tuple(sorted(int(number) for number in buckets.split())))


def file_count(input_bytes: int, cores: int) -> int:
    """Return how many Parquet files a batch is written to, and so how many tasks write them.

    Files come near 96 MB; a batch that has fewer of them than the cluster has cores is spread over
    the cores, down to 8 MB a file: reading and checking takes longer than loading.
    """
    expected = input_bytes * _PARQUET_SHARE
    return max(1, math.ceil(expected / _FILE_BYTES), min(cores, int(expected // _LEAST_BYTES)))


def write_rejected(rejects: DataFrame, attempt: Attempt) -> None:
    """Write the rows that break the contract, with the rule, the reason and the raw record."""
    rows = rejects.withColumn(BATCH_ID, F.lit(attempt.batch_id))
    rows.coalesce(1).write.options(**_NO_MARKER).parquet(attempt.rejected_folder)


def count_written(spark: SparkSession, attempt: Attempt) -> dict[str, int]:
    """Count the good rows that were stored, per raw file."""
    stored = spark.read.schema(f"{SOURCE_FILE} string").parquet(attempt.parquet_folder)
    return {row[0]: int(row[1]) for row in stored.groupBy(SOURCE_FILE).count().collect()}


def count_rejected(spark: SparkSession, attempt: Attempt) -> list[RejectCount]:
    """Count the rejected rows that were stored, per raw file, rule and column."""
    schema = f"{SOURCE_FILE} string, rule string, `column` string, value string, raw string"
    stored = spark.read.schema(schema).parquet(attempt.rejected_folder)
    example = F.min(F.coalesce("value", "raw"))
    groups = stored.groupBy(SOURCE_FILE, "rule", "column").agg(F.count(F.lit(1)), example)
    return [RejectCount(row[0], row[1], row[2], int(row[3]), row[4]) for row in groups.collect()]


def manifest_of(files: Sequence[StoredFile]) -> bytes:
    """Return the COPY manifest; Parquet needs `content_length`, a missing file is an error."""
    entries = [
        {"url": file.url, "mandatory": True, "meta": {"content_length": file.size}}
        for file in files
    ]
    return json.dumps({"entries": entries}, indent=1).encode()


def commit(storage: Storage, attempt: Attempt, counts: Counts) -> Mapping[str, Any]:
    """Write the manifest, then the report that makes this attempt the batch; return the report."""
    parquet = _parquet_files(storage, attempt) if counts.totals.written else []
    manifest = manifest_of(parquet)
    manifest_url = f"{attempt.parquet_folder}manifest.json"
    storage.write(manifest_url, manifest)
    report = {
        "source": attempt.feed.source,
        "feed": attempt.feed.feed,
        "batch_id": attempt.batch_id,
        "attempt": attempt.name,
        "loaded_at": attempt.loaded_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "manifest": {"url": manifest_url, "sha256": hashlib.sha256(manifest).hexdigest()},
        "raw_rows": counts.totals.raw,
        "written_rows": counts.totals.written,
        "rejected_rows": counts.totals.rejected,
        "files": [
            {
                "file": file.file,
                "raw_rows": file.raw,
                "written_rows": file.written,
                "rejected_rows": file.rejected,
            }
            for file in counts.files
        ],
        "rejects": [{"rule": r.rule, "column": r.column, "rows": r.rows} for r in counts.rejects],
        "parquet": [{"url": file.url, "bytes": file.size} for file in parquet],
    }
    storage.write(f"{attempt.output}report.json", json.dumps(report, indent=1).encode())
    return report


def _parquet_files(storage: Storage, attempt: Attempt) -> list[StoredFile]:
    return [f for f in storage.list(attempt.parquet_folder) if f.url.endswith(".parquet")]
