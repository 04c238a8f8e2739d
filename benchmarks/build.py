"""`dbt build` of this project: dbt-redshift through the gateway, dbt-postgres on PostgreSQL direct.

The reference runs in the gateway's own database, where PostgreSQL knows Redshift's functions, so
that both build the same models, from the same staging tables, into schemas of their own. It builds
a copy of the project in PostgreSQL's words: see `WORDS`. What only one adapter sends (late-binding
views, the project's delete+insert) counts.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.pair import Measurement, Pair, Side
from infra.local.samples.bikeshare import generate
from tests.dbt_project.raw_files import stage
from tests.dbt_project.warehouse import DATABASE, PASSWORD, USER, Warehouse, running

TARGET = 1.2
TRIPS = 20_000
PROJECT = Path(__file__).parents[1]
# What PostgreSQL writes in another way, or has not: the lock needs dbt-redshift's transactions.
WORDS = (
    (re.compile(r"\b(dateadd|datediff)\(\s*(\w+),"), r"\1('\2',"),
    (
        re.compile(r"\blistagg\((.*?), ', '\)\s+within group \((.*?)\)", re.DOTALL),
        r"string_agg(\1, ', ' \2)",
    ),
    (re.compile(r"^    lock table \{\{ lock_table \}\}", re.MULTILINE), "    select 1"),
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
        direct, ours = (
            Side(title, partial(_dbt, warehouse, folder, target, "build", "--full-refresh"))
            for title, target in (("dbt-postgres, direct", "postgres"), ("gateway", "redshift"))
        )
        yield [Pair(f"dbt build, {TRIPS:,} trips", direct, ours, TARGET, rounds=3)]


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


def _dbt(warehouse: Warehouse, folder: Path, target: str, *arguments: str) -> None:
    """Run dbt; raises with its last lines when it failed."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments),
            *("--target", target, "--profiles-dir", str(folder)),
            *("--project-dir", str(folder / target)),
            *("--target-path", str(folder / "target" / target)),
        ],
        env=os.environ | warehouse.environment | {"STARLIFT_DEV_USER": target},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"dbt {' '.join(arguments)} --target {target}\n{done.stdout[-3000:]}")
