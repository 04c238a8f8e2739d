"""Turn the raw files of one batch into Parquet for Redshift, and account for every row.

Submitted as `spark-submit --py-files spark_jobs.zip preprocess.py --feed … --batch-id …
--input GLOB --output PREFIX --rejected PREFIX`. One job for every feed: what the files and columns
are comes from the contract (`--feed`). The output is at `<output>/attempt-<id>/`; `report.json`,
written last, says which attempt counts. A batch that fails writes no report and exits with 1.
"""

from __future__ import annotations

import argparse
import sys
import traceback
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from spark_jobs import rejects, writer
from spark_jobs.counts import RejectCount, Totals, account, reject_table
from spark_jobs.errors import BatchError, UnstableError
from spark_jobs.feed import Feed, decode_feed
from spark_jobs.headers import by_format, find_families
from spark_jobs.patterns import refuse_unknown
from spark_jobs.raw_files import Findings, explain_failure, find_files
from spark_jobs.reader import Source, read_files
from spark_jobs.session import build_session
from spark_jobs.storage import Storage
from spark_jobs.transform import convert_rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job for one batch; return 0, or 1 with a message on standard error.

    The message begins with `preprocess failed:`, or `preprocess stopped:` where another try may do
    better.
    """
    arguments = _parse_arguments(argv)
    try:
        run(
            decode_feed(arguments.feed),
            batch_id=arguments.batch_id,
            pattern=arguments.input,
            output=arguments.output,
            rejected=arguments.rejected,
            slices=arguments.slices,
        )
    except (BatchError, PySparkException, Py4JJavaError) as error:
        sys.stdout.flush()
        if not isinstance(error, BatchError):
            traceback.print_exc()
        stable = isinstance(error, BatchError) and not isinstance(error, UnstableError)
        verb = "failed" if stable else "stopped"
        said = str(error) if isinstance(error, BatchError) else str(error).strip().split("\n", 1)[0]
        sys.stderr.write(f"\npreprocess {verb}: {said}\n")
        return 1
    return 0


def run(
    feed: Feed, *, batch_id: str, pattern: str, output: str, rejected: str, slices: int = 1
) -> None:
    """Read, check and write one batch; raise `BatchError` when the batch cannot be loaded."""
    spark = build_session(f"preprocess {feed} {batch_id}")
    storage = Storage(spark)
    attempt = writer.Attempt(
        feed=feed,
        batch_id=batch_id,
        name=uuid.uuid4().hex,
        loaded_at=datetime.now(UTC).replace(microsecond=0),
        output=_folder(output),
        rejected=_folder(rejected),
    )
    findings = Findings(feed.unreadable_files)
    try:
        files = find_files(storage, feed, pattern, attempt.work_folder, findings)
        families = find_families(storage, feed, files, findings)
        names = [file.name for file in (*files, *(u.file for u in findings.unreadable))]
        sources = [
            Source(each, group, read_files(spark, each, group))
            for each, group in by_format(feed, families)
        ]
        totals, seen = _write_rows(spark, storage, attempt, sources, slices)
        totals = totals.plus(len(findings.unreadable))
        _say(f"{feed} {batch_id}: {totals.raw} raw rows in {len(set(names))} files")
        written = writer.count_written(spark, storage, attempt, seen) if totals.written else {}
        found: list[RejectCount] = []
        if totals.rejected:
            found = rejects.write(spark, storage, attempt, sources, totals, findings.unreadable)
        counts = account(list(dict.fromkeys(names)), totals, written, found)
    finally:
        if findings.unpacked:
            storage.delete(attempt.work_folder)
    if totals.rejected:
        sensitive = {column.name for column in feed.columns if column.sensitive}
        _say(f"{totals.rejected} rows rejected:\n{reject_table(counts.rejects, sensitive)}")
    _check_limit(feed, totals, attempt)
    report = writer.commit(storage, attempt, counts)
    _say(f"{totals.written} rows written, {totals.rejected} rejected: {report['manifest']['url']}")


def _write_rows(
    spark: SparkSession,
    storage: Storage,
    attempt: writer.Attempt,
    sources: Sequence[Source],
    slices: int,
) -> tuple[Totals, dict[str, int]]:
    if not sources:
        return Totals(0, 0), {}
    feed = attempt.feed
    files = [file for source in sources for family in source.families for file in family.files]
    parts = writer.plan_files(spark, feed, files, slices)
    try:
        loaded_at = attempt.loaded_at.strftime("%Y-%m-%d %H:%M:%S")
        converted = [
            convert_rows(each.rows, each.feed, attempt.batch_id, loaded_at) for each in sources
        ]
        rows, names = reduce(DataFrame.unionByName, converted), [file.name for file in files]
        return writer.write_rows(rows, attempt, parts, names)
    except (PySparkException, Py4JJavaError) as error:
        refuse_unknown(spark, feed)
        if reason := explain_failure(storage, feed, files, str(error)):
            raise BatchError(reason) from error
        raise


def _check_limit(feed: Feed, totals: Totals, attempt: writer.Attempt) -> None:
    if not feed.reject_limit.allows(totals.rejected, totals.raw):
        share = totals.rejected / totals.raw
        raise BatchError(
            f"{totals.rejected} of {totals.raw} rows ({share:.2%}) break the contract of {feed}, "
            f"more than its reject_limit of {feed.reject_limit}, so nothing will be loaded. "
            f"The rows with their reasons are in {attempt.rejected_folder} "
            "(Parquet). Correct the files or the contract, or raise `reject_limit`"
        )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--feed", required=True, help="feed specification, base64url of JSON")
    parser.add_argument("--batch-id", required=True, help="e.g. 20191001T000000")
    parser.add_argument("--input", required=True, help="glob of the raw files")
    parser.add_argument("--output", required=True, help="prefix for Parquet, manifest and report")
    parser.add_argument("--rejected", required=True, help="prefix for rejected rows")
    parser.add_argument("--slices", type=int, default=1, help="slices of the warehouse")
    # AWS Glue adds options of its own, such as --JOB_NAME.
    return parser.parse_known_args(argv)[0]


if __name__ == "__main__" and (status := main()):
    # Success ends without an exit: Glue runs the script inside a program of its own.
    sys.exit(status)
