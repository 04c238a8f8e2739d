"""Turn the raw files of one batch into Parquet for Redshift, and account for every row.

Submitted as `spark-submit --py-files spark_jobs.zip preprocess.py --feed … --batch-id …
--input GLOB --output PREFIX --rejected PREFIX`. One job for every feed: what the files and columns
are comes from the contract (`--feed`). The output is at `<output>/attempt-<id>/`; `report.json`,
written last, says which attempt counts. A batch that fails writes no report and exits with 1.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812  (its customary name)

from spark_jobs import writer
from spark_jobs.counts import Counts, RuleCount, check_written, reject_table, summarise
from spark_jobs.errors import BatchError
from spark_jobs.feed import SOURCE_FILE, Feed, decode_feed
from spark_jobs.headers import find_families
from spark_jobs.reader import read_files
from spark_jobs.session import build_session
from spark_jobs.storage import Storage, StoredFile
from spark_jobs.transform import REJECT, check_rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job for one batch; return 0, or 1 with a message on standard error."""
    arguments = _parse_arguments(argv)
    try:
        run(
            decode_feed(arguments.feed),
            batch_id=arguments.batch_id,
            pattern=arguments.input,
            output=arguments.output,
            rejected=arguments.rejected,
        )
    except BatchError as error:
        sys.stdout.flush()
        sys.stderr.write(f"\npreprocess failed: {error}\n")
        return 1
    return 0


def run(feed: Feed, *, batch_id: str, pattern: str, output: str, rejected: str) -> None:
    """Read, check and write one batch; raise `BatchError` when the batch cannot be loaded."""
    spark = build_session(f"preprocess {feed} {batch_id}")
    storage = Storage(spark)
    files = _find_files(storage, pattern)
    attempt = writer.Attempt(
        feed=feed,
        batch_id=batch_id,
        name=uuid.uuid4().hex,
        loaded_at=datetime.now(UTC).replace(microsecond=0),
        output=_folder(output),
        rejected=_folder(rejected),
    )
    rows = read_files(spark, feed, find_families(storage, feed, files))
    # Raw text is parsed once: the counts, the rejected and the good rows all come from this.
    checked = check_rows(rows, feed).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counts = count_rows(checked, files)
        _say(f"{feed} {batch_id}: {counts.raw} raw rows in {len(files)} files")
        _say_rejects(counts)
        in_rejected: list[tuple[str, int]] = []
        if counts.rejected:
            writer.write_rejected(checked, attempt)
            in_rejected = writer.count_per_file(spark, attempt.rejected_folder)
        _check_limit(feed, counts, attempt)
        in_parquet: list[tuple[str, int]] = []
        if counts.written:
            writer.write_good(checked, attempt, sum(file.size for file in files))
            in_parquet = writer.count_per_file(spark, attempt.parquet_folder)
    finally:
        checked.unpersist()
    check_written(counts, in_parquet, in_rejected)
    report = writer.commit(storage, attempt, counts)
    _say(f"{counts.written} rows written, {counts.rejected} rejected: {report['manifest']['url']}")


def count_rows(checked: DataFrame, files: Sequence[StoredFile]) -> Counts:
    """Count rows per file, rule and column, with the smallest broken value as an example."""
    rule, column = F.col(f"{REJECT}.rule"), F.col(f"{REJECT}.column")
    value = F.coalesce(f"{REJECT}.value", f"{REJECT}.raw")
    rows = (
        checked.groupBy(SOURCE_FILE, rule.alias("rule"), column.alias("column"))
        .agg(F.count(F.lit(1)).alias("rows"), F.min(value).alias("example"))
        .collect()
    )
    counts = (RuleCount(row[0], row[1], row[2], int(row[3]), row[4]) for row in rows)
    return summarise(counts, [file.url for file in files])


def _find_files(storage: Storage, pattern: str) -> list[StoredFile]:
    files = storage.glob(pattern)
    if not files:
        raise BatchError(
            f"no file matches {pattern}: check the feed's `files.pattern` in the contract, "
            "and that the batch's files have been uploaded"
        )
    return files


def _check_limit(feed: Feed, counts: Counts, attempt: writer.Attempt) -> None:
    share = counts.rejected / counts.raw if counts.raw else 0.0
    if share > feed.reject_limit:
        raise BatchError(
            f"{counts.rejected} of {counts.raw} rows ({share:.2%}) break the contract of {feed}, "
            f"more than its reject_limit of {feed.reject_limit:.2%}. Nothing will be loaded.\n"
            f"{reject_table(counts)}\n"
            f"The rows and the reasons are in {attempt.rejected_folder} (Parquet). "
            "Correct the files or the contract, or raise `reject_limit`"
        )


def _say_rejects(counts: Counts) -> None:
    if counts.rejected:
        _say(f"{counts.rejected} rows rejected:\n{reject_table(counts)}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feed", required=True, help="feed specification, base64url of JSON")
    parser.add_argument("--batch-id", required=True, help="e.g. 20191001T000000")
    parser.add_argument("--input", required=True, help="glob of the raw files")
    parser.add_argument("--output", required=True, help="prefix for Parquet, manifest and report")
    parser.add_argument("--rejected", required=True, help="prefix for rejected rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
