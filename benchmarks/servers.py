"""A gateway with its own PostgreSQL, and a client of both.

The client is psycopg: redshift_connector cannot log in to a PostgreSQL of today (it sends start-up
parameters that PostgreSQL refuses, and does not read its list of SCRAM mechanisms).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from infra.local.postgres import HOST
from infra.local.redshift.embedded import embedded

PROJECT = Path(__file__).parents[1]
USER, PASSWORD, DATABASE = "bench", "Bench-12345", "bench"
STOP_SECONDS = 30
SAMPLE_SECONDS = 0.01


@dataclass(frozen=True)
class Servers:
    """Ports of both; the same user and password on both; the gateway's process id."""

    postgres_port: int
    port: int
    pid: int
    folder: Path

    @property
    def ports(self) -> dict[str, int]:
        """The ports by what listens there, the reference first."""
        return {"PostgreSQL": self.postgres_port, "gateway": self.port}

    def connect(self, port: int) -> psycopg.Connection[Any]:
        """A connection without TLS, which costs the same on both."""
        return psycopg.connect(
            host=HOST,
            port=port,
            user=USER,
            password=PASSWORD,
            dbname=DATABASE,
            sslmode="disable",
            autocommit=True,
        )

    def memory(self) -> float:
        """The gateway's resident memory in MB."""
        return float(psutil.Process(self.pid).memory_info().rss) / 1e6


@dataclass(frozen=True)
class Growth:
    """The gateway's memory at the peak of some work; `limit` is in MB more than before."""

    name: str
    running: Servers
    work: Callable[[], object]
    limit: float

    def lines(self) -> list[str]:
        """Sample while it works."""
        before = peak = self.running.memory()
        done = threading.Event()

        def sample() -> None:
            nonlocal peak
            while not done.wait(SAMPLE_SECONDS):
                peak = max(peak, self.running.memory())

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            self.work()
        finally:
            done.set()
            thread.join()
        verdict = "ok" if peak - before <= self.limit else "over"
        return [
            self.name,
            f"  {peak:.0f} MB at the peak, {peak - before:.0f} MB more than before; "
            f"limit {self.limit:.0f}: {verdict}",
        ]


@contextlib.contextmanager
def servers(**environment: str) -> Iterator[Servers]:
    """Start both in a temporary folder, with more environment for the gateway; stop both."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="starlift-bench-")))
        log = stack.enter_context((folder / "gateway.log").open("w"))
        postgres = stack.enter_context(embedded(folder, durable=True))
        gateway = subprocess.Popen(
            [
                *(sys.executable, "-m", "infra.local.redshift", "--port", "0"),
                *("--postgres-port", str(postgres.port), "--database", DATABASE),
            ],
            cwd=PROJECT,
            env=os.environ
            | {"STARLIFT_POSTGRES_PASSWORD": postgres.password}
            | {"REDSHIFT_USER": USER, "REDSHIFT_PASSWORD": PASSWORD, **environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        stack.callback(_stop, gateway)
        assert gateway.stdout is not None  # noqa: S101 it is a pipe
        ready = gateway.stdout.readline().split()
        if not ready:
            raise RuntimeError((folder / "gateway.log").read_text())
        yield Servers(postgres.port, int(ready[-1]), gateway.pid, folder)


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.wait(STOP_SECONDS)
