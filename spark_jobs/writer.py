"""Converted rows to files: Parquet, rejected rows, the COPY manifest and the report.

The manifest is what Redshift's COPY reads
(https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html);
the report is the batch's commit point, and is written last.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812  (its customary name)

from spark_jobs import sql
from spark_jobs.counts import Counts, RejectCount, Totals
from spark_jobs.feed import BATCH_ID, SOURCE_FILE, Feed, Format
from spark_jobs.raw_files import format_of
from spark_jobs.session import share_evenly
from spark_jobs.storage import Storage, StoredFile
from spark_jobs.transform import REJECT, REJECTED

# Redshift splits Parquet at 128 MB; files of 64 to 128 MB load evenly:
# https://docs.aws.amazon.com/redshift/latest/dg/c_best-practices-use-multiple-files.html
_FILE_BYTES = 96 * 2**20
_LEAST_BYTES = 8 * 2**20
_LEAST_SLICE_BYTES = 2**20
# Snappy Parquet of a CSV file with trips takes about a fifth of it, of JSON half of that.
_PARQUET_SHARE = {Format.CSV: 0.2, Format.JSONL: 0.1, Format.PARQUET: 1.0}
_COMPRESSED = (".gz", ".bz2")
_NO_MARKER = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}
_PIECES = 4  # per output file: enough for the last of each file not to matter
_REJECTS_OF_TASK = 20_000
FEW_REJECTS = 50_000
_FEW_FILES = 8  # raw files whose rows are counted as they are written, by comparing names


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
        """Return where all that this attempt writes for COPY goes: manifest and Parquet."""
        return f"{self.output}attempt-{self.name}/"

    @property
    def good_folder(self) -> str:
        """Return where this attempt's Parquet files are."""
        return f"{self.parquet_folder}{REJECTED}=false/"

    @property
    def set_aside_folder(self) -> str:
        """Return where rejected rows are until they are explained."""
        return f"{self.parquet_folder}{REJECTED}=true/"

    @property
    def work_folder(self) -> str:
        """Return where this attempt unpacks archives; it is deleted at the end."""
        return f"{self.output}unpacked-{self.name}/"

    @property
    def rejected_folder(self) -> str:
        """Return where this attempt's rejected rows go."""
        return f"{self.rejected}attempt-{self.name}/"


def write_rows(
    rows: DataFrame, attempt: Attempt, files: int, names: Sequence[str]
) -> tuple[Totals, dict[str, int]]:
    """Write good rows to so many files and set the others aside in the same pass; count both.

    Rejected rows go to a folder of their own, in the schema of the others: a job writes only one.
    Good rows are counted per raw file too, by their names, unless there are many.
    """
    seen = Observation()
    named = names if len(names) <= _FEW_FILES else ()
    counts = ["count(1) as raw", f"count_if({REJECTED}) as rejected"]
    counts += (
        f"count_if(not {REJECTED} and {SOURCE_FILE} = {sql.literal(name)}) as `{at}`"
        for at, name in enumerate(named)
    )
    # Counted in the task that writes: no second pass over the data, and no cache of it.
    counted = rows.observe(seen, F.expr(f"to_json(struct({', '.join(counts)})) as counts"))
    write = counted.coalesce(files).write.options(**_NO_MARKER).partitionBy(REJECTED)
    write.parquet(attempt.parquet_folder)
    found = json.loads(seen.get["counts"])
    of_files = {name: found[str(at)] for at, name in enumerate(named) if found[str(at)]}
    return Totals(found["raw"], found["rejected"]), of_files


def read_set_aside(spark: SparkSession, attempt: Attempt) -> DataFrame:
    """Return the rejected rows of this attempt: `_source_file` and `_reject`."""
    stored = spark.read.schema(f"{BATCH_ID} string, {SOURCE_FILE} string")
    return stored.parquet(attempt.set_aside_folder).withColumnRenamed(BATCH_ID, REJECT)


def expected_bytes(feed: Feed, files: Iterable[StoredFile]) -> int:
    """Return about how large the Parquet of some raw files will be."""
    return sum(
        file.size
        if file.url.lower().endswith(_COMPRESSED)
        else int(file.size * _PARQUET_SHARE[format_of(file, feed)])
        for file in files
    )


def file_count(expected: int, cores: int, slices: int) -> int:
    """Return how many Parquet files a batch is written to, and so how many tasks write them.

    Files come near 96 MB; a batch that has fewer of them than the cluster has cores is spread over
    the cores, down to 8 MB a file, and over the warehouse's slices, down to 1 MB.
    """
    return max(
        1,
        math.ceil(expected / _FILE_BYTES),
        min(cores, expected // _LEAST_BYTES),
        min(slices, expected // _LEAST_SLICE_BYTES),
    )


def plan_files(spark: SparkSession, feed: Feed, files: Sequence[StoredFile], slices: int) -> int:
    """Set how raw files are cut into tasks; return how many Parquet files are to be written."""
    cores = spark.sparkContext.defaultParallelism
    count = file_count(expected_bytes(feed, files), cores, slices)
    share_evenly(spark, sum(file.size for file in files), count if count == 1 else count * _PIECES)
    return count


def write_rejected(rejects: DataFrame, attempt: Attempt, rows: int) -> list[RejectCount]:
    """Write the rows that break the contract; return their counts per file, rule and column.

    A few are counted on the way, many (`rows`) by reading back what was written.
    """
    marked = rejects.withColumn(BATCH_ID, F.lit(attempt.batch_id))
    seen = Observation()
    if few := rows <= FEW_REJECTS:
        example = "left(coalesce(value, raw, reason), 100)"
        fields = f"{SOURCE_FILE}, rule, `column`, {example}"
        marked = marked.observe(seen, F.expr(f"to_json(collect_list(array({fields}))) as found"))
    files = marked.coalesce(math.ceil(rows / _REJECTS_OF_TASK))
    files.write.options(**_NO_MARKER).parquet(attempt.rejected_folder)
    if not few:
        return _count_rejected(rejects.sparkSession, attempt)
    counts: dict[tuple[str, str, str | None], RejectCount] = {}
    for file, rule, column, example in json.loads(seen.get["found"] or "[]"):
        key = file, rule, column
        so_far = counts.get(key)
        least = min(example, (so_far and so_far.example) or example)
        counts[key] = RejectCount(*key, (so_far.rows if so_far else 0) + 1, least)
    return list(counts.values())


def count_written(
    spark: SparkSession, storage: Storage, attempt: Attempt, seen: dict[str, int]
) -> dict[str, int]:
    """Count the good rows that were stored, per raw file.

    What was `seen` while they were written is right if the files hold as many.
    """
    parquet = storage.list(attempt.good_folder)
    if seen and sum(storage.parquet_rows(file.url) for file in parquet) == sum(seen.values()):
        return seen
    stored = spark.read.schema(f"{SOURCE_FILE} string").parquet(attempt.good_folder)
    return {row[0]: int(row[1]) for row in stored.groupBy(SOURCE_FILE).count().collect()}


def _count_rejected(spark: SparkSession, attempt: Attempt) -> list[RejectCount]:
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
    return [f for f in storage.list(attempt.good_folder) if f.url.endswith(".parquet")]
