"""`dbt build` of this project: dbt-redshift through the gateway, dbt-postgres on PostgreSQL direct.

The reference runs in the gateway's own database, where PostgreSQL knows Redshift's functions, so
that both build the same models, from the same staging tables, into schemas of their own. It builds
a copy of the project in PostgreSQL's words: see `WORDS`. What only one adapter sends (late-binding
views, the project's delete+insert) counts.

The adapters differ before any server answers: dbt-redshift sends other statements, by a driver in
Python. So dbt's own CPU time, its connections and statements are told beside the times.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.pair import Measurement, Pair, Side
from infra.local.samples.bikeshare import generate
from tests.dbt_project.raw_files import stage
from tests.dbt_project.warehouse import DATABASE, PASSWORD, USER, Warehouse, running

TARGET = 1.2
ROUNDS = 3
TRIPS = 20_000
PROJECT = Path(__file__).parents[1]
# The made-up trips and what comes of them: no other source has rows here, and tests that also read
# another source's tables are left out. Unit tests mock what only the project's macros for Redshift
# ask.
BUILD = (
    *("build", "--full-refresh", "--select", "source:bikeshare+", "+agg_station_traffic"),
    *("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"),
)
# What PostgreSQL writes in another way, or has not: the lock needs dbt-redshift's transactions.
WORDS = (
    (re.compile(r"\b(dateadd|datediff)\(\s*(\w+),"), r"\1('\2',"),
    (
        re.compile(r"\blistagg\((.*?), ', '\)\s+within group \((.*?)\)", re.DOTALL),
        r"string_agg(\1, ', ' \2)",
    ),
    (re.compile(r"\block table \{\{ \w+ \}\}"), "select 1"),
)


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """A full build with its tests, everything made anew."""
    with (
        tempfile.TemporaryDirectory(prefix="starlift-bench-") as name,
        running(Path(name)) as warehouse,
    ):
        folder = Path(name)
        _projects(folder)
        _profiles(folder, warehouse)
        _dbt(warehouse, folder, "redshift", "parse")
        manifest = Path(warehouse.environment["DBT_TARGET_PATH"]) / "redshift" / "manifest.json"
        warehouse.create_staging(manifest)
        loaded_at = datetime.datetime(2026, 1, 1)
        for batch in generate(folder / "sample", trips=TRIPS).batches:
            stage(warehouse, manifest, batch, loaded_at)
        sides = {"dbt-postgres, direct": "postgres", "gateway": "redshift"}
        work = Work({title: [] for title in sides})

        def build(title: str, target: str) -> None:
            work.done[title].append(_dbt(warehouse, folder, target, *BUILD))

        direct, ours = (Side(title, partial(build, title, sides[title])) for title in sides)
        yield [Pair(f"dbt build, {TRIPS:,} trips", direct, ours, TARGET, rounds=ROUNDS), work]


@dataclass(frozen=True)
class Invocation:
    """What one dbt process did: seconds of CPU, connections opened, statements sent."""

    seconds: float
    connections: int
    statements: int


@dataclass(frozen=True)
class Work:
    """What dbt itself did in the rounds before, by side."""

    done: dict[str, list[Invocation]]

    def lines(self) -> list[str]:
        """The medians."""
        lines = ["what dbt did for it"]
        for title, each in self.done.items():
            seconds, connections, statements = (
                statistics.median(values)
                for values in (
                    [run.seconds for run in each],
                    [run.connections for run in each],
                    [run.statements for run in each],
                )
            )
            lines.append(
                f"  {title:<28} {seconds:5.2f} s of its own CPU, {connections:.0f} connections, "
                f"{statements:.0f} statements"
            )
        return lines


def _projects(folder: Path) -> None:
    """The project for each target; links would make dbt look for its parents."""
    for target in ("postgres", "redshift"):
        shutil.copytree(PROJECT / "dbt_project", folder / target)
    for path in (folder / "postgres").rglob("*.sql"):
        text = path.read_text()
        for pattern, words in WORDS:
            text = pattern.sub(words, text)
        path.write_text(text)


def _profiles(folder: Path, warehouse: Warehouse) -> None:
    """The same project as two people, each with schemas of their own."""
    common = {
        "host": "127.0.0.1",
        "user": USER,
        "password": PASSWORD,
        "dbname": DATABASE,
        "threads": 4,
        "schema": "personal",
        "sslmode": "disable",
    }
    outputs = {
        "postgres": {"type": "postgres", "port": int(warehouse.environment["POSTGRES_PORT"])},
        "redshift": {"type": "redshift", "port": warehouse.port},
    }
    written = {name: {**common, **output} for name, output in outputs.items()}
    (folder / "profiles.yml").write_text(
        json.dumps({"starlift": {"target": "redshift", "outputs": written}})
    )


def _dbt(warehouse: Warehouse, folder: Path, target: str, *arguments: str) -> Invocation:
    """Run dbt; raises with its last lines when it failed."""
    logs = folder / "logs" / target
    shutil.rmtree(logs, ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments),
            *("--target", target, "--profiles-dir", str(folder)),
            *("--project-dir", str(folder / target)),
            *("--target-path", str(folder / "target" / target)),
        ],
        env=os.environ
        | warehouse.environment
        | {"STARLIFT_DEV_USER": target, "DBT_LOG_PATH": str(logs)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"dbt {' '.join(arguments)} --target {target}\n{done.stdout[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    log = (logs / "dbt.log").read_text(encoding="utf-8")
    return Invocation(
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        log.count("Opening a new connection"),
        log.count("SQL status: "),
    )
