"""The demonstration: three months of made-up trips through the real DAG, and what came out."""

from __future__ import annotations

import calendar
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType

from infra.local import docs, storage
from infra.local.answers import query, render
from infra.local.backfill import backfill
from infra.local.config import Config
from infra.local.samples import bikeshare
from infra.local.samples.sample import Sample
from infra.local.stack import Stack

DAG = "bikeshare"
STATIONS = 8

Say = Callable[[str], None]


def run(config: Config, say: Say, months: Sequence[str] = bikeshare.MONTHS) -> int:
    """Run the demonstration; starts the stack if it is not up, and stops what it started.

    Returns the exit status: 0, or 1 when a run of the DAG failed or rows are missing.
    """
    began = time.monotonic()
    with _stack(config, say) as started:
        say(f"\n==> Making trips of {', '.join(months)} and uploading them")
        sample = _upload_sample(config, say, months)
        say(f"\n==> Running the DAG {DAG}")
        first, last = _first_day(months[0]), _last_day(months[-1])
        outcome = backfill(config, DAG, first, last, say)
        if outcome.failed:
            say(f"\nFailed: {', '.join(outcome.failed)}. Above: the task, its error and its log.")
            return 1
        say("\n==> What became of the rows")
        names, rows = query(config, "row_accounting.sql")
        say(render(names, rows))
        if wrong := _differences(sample, names, rows):
            say("\n".join(["", "This is not what the files hold:", *wrong]))
            return 1
        say("\n==> The busiest stations")
        say(render(*query(config, "busiest_stations.sql", STATIONS)))
        say(f"\nDone in {time.monotonic() - began:.0f} s.{_next_steps(config, started)}")
    return 0


@contextmanager
def _stack(config: Config, say: Say) -> Iterator[bool]:
    """Keep the stack up for a while; yields whether it had to be started."""
    stack = Stack(config, say=say)
    running = stack.supervisor.process() is not None
    with _terminate_as_interrupt():
        try:
            say("==> Starting the stack" if not running else "==> Using the stack that is up")
            stack.up()
            yield not running
        finally:
            if not running:
                say("\n==> Stopping the stack")
                stack.down()


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the demonstration like Ctrl-C, so that it stops what it started."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _upload_sample(config: Config, say: Say, months: Sequence[str]) -> Sample:
    with tempfile.TemporaryDirectory(prefix="starlift-demo-") as folder:
        sample = bikeshare.generate(Path(folder), months)
        files = [file for batch in sample.batches for file in batch.files]
        for file in files:
            size = file.path.stat().st_size / 1e6
            say(f"  {size:6.1f} MB  s3://{config.lake_bucket}/{file.key}")
        storage.upload(config, config.lake_bucket, {file.key: file.path for file in files})
    return sample


def _differences(
    sample: Sample, names: Sequence[str], rows: Sequence[Sequence[object]]
) -> list[str]:
    """Compare the warehouse's accounting with what the generator knows of its files."""
    found = {
        (row["feed"], row["batch_id"]): (row["raw_rows"], row["rejected_rows"], row["loaded_rows"])
        for row in (dict(zip(names, values, strict=True)) for values in rows)
    }
    wrong = []
    for batch in sample.batches:
        expected = (batch.raw_rows, batch.rejected_rows, batch.loaded_rows)
        if (got := found.get((batch.feed, batch.batch_id))) != expected:
            wrong.append(f"  {batch.feed} {batch.batch_id}: {got}, but {expected} was written")
    return wrong


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _last_day(month: str) -> date:
    first = _first_day(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def _next_steps(config: Config, started: bool) -> str:
    again = (
        "  make up            starts the stack again; the data is still there\n" if started else ""
    )
    return (
        "\n\nWhere to look next\n"
        f"{again}"
        f"  Airflow            {config.airflow_url}/dags/{DAG}\n"
        f"  data dictionary    {docs.url(config)}\n"
        f"  rejected rows      s3://{config.lake_bucket}/rejected/ "
        f"({config.s3 / config.lake_bucket / 'rejected'})\n"
        f"  a shell            set -a; . {config.env_file}; set +a\n"
    )
