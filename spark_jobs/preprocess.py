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

from pyspark.errors import PySparkException

from spark_jobs import writer
from spark_jobs.counts import RejectCount, Totals, account, reject_table
from spark_jobs.errors import BatchError
from spark_jobs.feed import Feed, decode_feed
from spark_jobs.headers import find_families
from spark_jobs.patterns import refuse_unknown
from spark_jobs.reader import read_files
from spark_jobs.session import build_session
from spark_jobs.storage import Storage, StoredFile
from spark_jobs.transform import convert_rows, explain_rejects

_MANY_BUCKETS = 5_000  # from here on a second reading may as well look at every record


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
    families = find_families(storage, feed, files)
    converted = convert_rows(read_files(spark, feed, families), feed)
    try:
        totals = writer.write_good(converted, attempt, sum(file.size for file in files))
    except PySparkException:
        refuse_unknown(spark, feed)
        raise
    _say(f"{feed} {batch_id}: {totals.raw} raw rows in {len(files)} files")
    written = writer.count_written(spark, attempt) if totals.written else {}
    rejects: list[RejectCount] = []
    if totals.rejected:
        # Read again for the rejected rows alone, which only now cost the working out of reasons.
        only = totals.buckets if len(totals.buckets) <= _MANY_BUCKETS else None
        again = convert_rows(read_files(spark, feed, families, only), feed)
        writer.write_rejected(explain_rejects(again, feed), attempt)
        rejects = writer.count_rejected(spark, attempt)
    counts = account([file.url for file in files], totals, written, rejects)
    if totals.rejected:
        _say(f"{totals.rejected} rows rejected:\n{reject_table(counts.rejects)}")
    _check_limit(feed, totals, attempt)
    report = writer.commit(storage, attempt, counts)
    _say(f"{totals.written} rows written, {totals.rejected} rejected: {report['manifest']['url']}")


def _find_files(storage: Storage, pattern: str) -> list[StoredFile]:
    files = storage.glob(pattern)
    if not files:
        raise BatchError(
            f"no file matches {pattern}: check the feed's `files.pattern` in the contract, "
            "and that the batch's files have been uploaded"
        )
    return files


def _check_limit(feed: Feed, totals: Totals, attempt: writer.Attempt) -> None:
    share = totals.rejected / totals.raw if totals.raw else 0.0
    if share > feed.reject_limit:
        raise BatchError(
            f"{totals.rejected} of {totals.raw} rows ({share:.2%}) break the contract of {feed}, "
            f"more than its reject_limit of {feed.reject_limit:.2%}, so nothing will be loaded. "
            f"The rows with their reasons are in {attempt.rejected_folder} (Parquet). "
            "Correct the files or the contract, or raise `reject_limit`"
        )


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
