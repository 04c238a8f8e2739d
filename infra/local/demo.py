"""The demonstration: made-up files of one source or of all, through the real DAGs."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from infra.local import docs, storage
from infra.local.answers import query, render
from infra.local.backfill import Outcome, backfill
from infra.local.config import Config
from infra.local.interrupts import status_of
from infra.local.samples.sample import Sample, SampleSource
from infra.local.stack import Stack

SOURCES_AT_ONCE = 2
"""How many DAGs run at once: their Spark batches share the machine's cores and memory."""

Say = Callable[[str], None]


class Stopped(Exception):
    """The demonstration was interrupted while a run was followed."""


def run(config: Config, say: Say, sources: Sequence[SampleSource]) -> int:
    """Run the demonstration; starts the stack if it is not up, and stops what it started.

    Returns the exit status: 0; 1 when a run of a DAG failed or rows are missing; 130 or 143 when
    Ctrl-C or SIGTERM ended it.
    """
    began = time.monotonic()
    stack = Stack(config, say=say)
    started = stack.supervisor.process() is None
    try:
        with _up_for_a_while(stack, say, started=started):
            status = _demonstrate(config, say, sources)
            if status == 0:
                took = time.monotonic() - began
                say(f"\nDone in {took:.0f} s.{_next_steps(config, started)}")
            return status
    except KeyboardInterrupt as interrupt:
        say(_interrupted(config, started=started))
        return status_of(interrupt)


def _demonstrate(config: Config, say: Say, sources: Sequence[SampleSource]) -> int:
    names = ", ".join(source.SOURCE for source in sources)
    say(f"\n==> Making files of {names} and uploading them")
    samples = {source.SOURCE: _upload_sample(config, say, source) for source in sources}
    say(f"\n==> Running the DAG{'s' * (len(sources) > 1)} {names}")
    failed = _run_dags(config, say, sources)
    if failed:
        say(f"\nFailed: {', '.join(failed)}. Above: the task, its error and its log.")
        return 1
    say("\n==> What became of the rows")
    columns, rows = query(config, "row_accounting.sql")
    say(render(columns, [row for row in rows if row[0] in samples]))
    if wrong := _differences(samples, columns, rows):
        say("\n".join(["", "This is not what the files hold:", *wrong]))
        return 1
    for source in sources:
        title, file = source.QUESTION
        say(f"\n==> {title}")
        say(render(*query(config, file)))
    return 0


def _run_dags(config: Config, say: Say, sources: Sequence[SampleSource]) -> list[str]:
    """Run each source's DAG over its sample, several at once; names the runs that failed."""
    stop = threading.Event()

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopped

    def follow(source: SampleSource) -> Outcome:
        def own(text: str) -> None:
            if not stop.is_set():
                say(text if len(sources) == 1 else _labelled(source.SOURCE, text))

        return backfill(config, source.SOURCE, source.FIRST, source.LAST, own, pause=pause)

    pool = ThreadPoolExecutor(SOURCES_AT_ONCE)
    try:
        outcomes = list(pool.map(follow, sources))
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    return [
        f"{source.SOURCE} {batch}"
        for source, outcome in zip(sources, outcomes, strict=True)
        for batch in outcome.failed
    ]


def _labelled(source: str, text: str) -> str:
    """Put the source before each line."""
    return "\n".join(f"{source:<12}{line}" for line in text.splitlines())


@contextmanager
def _up_for_a_while(stack: Stack, say: Say, *, started: bool) -> Iterator[None]:
    """Keep the stack up for a while; stop it afterwards if it had to be `started`."""
    try:
        say("==> Starting the stack" if started else "==> Using the stack that is up")
        stack.up()
        yield
    finally:
        if started:
            say("\n==> Stopping the stack")
            try:
                stack.down()
            except KeyboardInterrupt:  # the first one: another is only answered
                stack.down()
                raise


def _interrupted(config: Config, *, started: bool) -> str:
    """Say what an interrupted demonstration leaves behind, and what to do next."""
    if started:
        return (
            f"\nInterrupted. The stack is down; what was loaded stays in {config.state}.\n"
            "`make demo` goes on with the runs that were cut off, `make up` starts the stack alone."
        )
    return (
        f"\nInterrupted. The stack stays up and its runs go on: {config.airflow_url}\n"
        "`make demo` follows them again, `make down` stops them with the stack."
    )


def _upload_sample(config: Config, say: Say, source: SampleSource) -> Sample[object]:
    with tempfile.TemporaryDirectory(prefix="starlift-demo-") as folder:
        sample = source.generate(Path(folder))
        files = [file for batch in sample.batches for file in batch.files]
        for file in files:
            size = file.path.stat().st_size / 1e6
            say(f"  {size:6.1f} MB  s3://{config.lake_bucket}/{file.key}")
        storage.upload(config, config.lake_bucket, {file.key: file.path for file in files})
    return sample


def _differences(
    samples: Mapping[str, Sample[object]],
    names: Sequence[str],
    rows: Sequence[Sequence[object]],
) -> list[str]:
    """Compare the warehouse's accounting with what the generators know of their files."""
    found = {
        (row["source"], row["feed"], row["batch_id"]): (
            row["raw_rows"],
            row["rejected_rows"],
            row["loaded_rows"],
        )
        for row in (dict(zip(names, values, strict=True)) for values in rows)
    }
    wrong = []
    for source, sample in samples.items():
        for batch in sample.batches:
            expected = (batch.raw_rows, batch.rejected_rows, batch.loaded_rows)
            if (got := found.get((source, batch.feed, batch.batch_id))) != expected:
                where = f"{source}.{batch.feed} {batch.batch_id}"
                wrong.append(f"  {where}: {got}, but {expected} was written")
    return wrong


def _next_steps(config: Config, started: bool) -> str:
    again = (
        "  make up            starts the stack again; the data is still there\n" if started else ""
    )
    return (
        "\n\nWhere to look next\n"
        f"{again}"
        f"  Airflow            {config.airflow_url}\n"
        f"  data dictionary    {docs.url(config)}\n"
        f"  rejected rows      s3://{config.lake_bucket}/rejected/ "
        f"({config.s3 / config.lake_bucket / 'rejected'})\n"
        f"  a shell            set -a; . {config.env_file}; set +a\n"
    )
