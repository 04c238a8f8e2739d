"""A Livy server in a process of its own, with a stand-in for spark-submit or with the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.leash import on_leash

PROJECT = Path(__file__).parents[4]
DEADLINE = 120.0

# Notes how it was called, then runs its last argument as a shell script.
STAND_IN = """\
#!/bin/sh
env > "$TMPDIR/../environment"
printf '%s\\n' "$@" > "$TMPDIR/../arguments"
for script; do :; done
eval "$script"
"""


def wait_until(condition: Callable[[], Any]) -> Any:
    """Poll until the condition holds; return its value."""
    deadline = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return value


@dataclass
class Server:
    """A running server and a client of it."""

    state: Path
    s3_root: Path
    process: subprocess.Popen[str]
    client: httpx.Client

    @property
    def port(self) -> int:
        return self.client.base_url.port or 0

    def submit(self, script: str, **body: Any) -> int:
        """Submit a batch that the stand-in runs as a shell script; return its id."""
        answer = self.client.post(
            "/batches", json={"file": "s3://lake/job.py", "args": [script], **body}
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def state_of(self, batch: int) -> str:
        return str(self.client.get(f"/batches/{batch}/state").json()["state"])

    def wait_for(self, batch: int, *states: str) -> str:
        """Wait for one of the states; any other final state is a failure."""
        return str(
            wait_until(lambda: self.state_of(batch) if self.state_of(batch) in states else "")
        )

    def log_of(self, batch: int) -> list[str]:
        answer = self.client.get(f"/batches/{batch}/log", params={"from": 0, "size": -1})
        return list(answer.json()["log"])

    def folder(self, batch: int) -> Path:
        return self.state / "batches" / str(batch)

    def processes(self, batch: int) -> list[psutil.Process]:
        """Return the live processes of a batch."""
        return processes_in(self.folder(batch))

    def end(self, number: int) -> int:
        """Send the server a signal and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=DEADLINE)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the live processes whose environment names the batch folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get("STARLIFT_LIVY_BATCH") == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


StartServer = Callable[..., Server]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers over one state folder; what they leave running ends with the test."""
    state, s3_root = tmp_path / "a state", tmp_path / "an s3"
    spark_home = tmp_path / "spark"
    submit = spark_home / "bin" / "spark-submit"
    submit.parent.mkdir(parents=True)
    submit.write_text(STAND_IN)
    submit.chmod(0o755)
    (s3_root / "lake").mkdir(parents=True)
    with ExitStack() as stack:

        def start(*options: str, real: bool = False, **environment: str) -> Server:
            which = () if real else ("--spark-home", str(spark_home))
            process = subprocess.Popen(
                on_leash(
                    [
                        *(sys.executable, "-m", "infra.local.livy", "--port", "0"),
                        *("--state", str(state), "--s3-root", str(s3_root)),
                        *which,
                        *options,
                    ]
                ),
                cwd=PROJECT,
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("livy: listening on http://127.0.0.1:"), line
            client = httpx.Client(base_url=line.split()[-1], timeout=DEADLINE)
            stack.callback(client.close)
            server = Server(state, s3_root, process, client)
            wait_until(lambda: _answers(client))
            return server

        try:
            yield start
        finally:
            stack.close()
            for folder in (state / "batches").glob("*"):
                for process in processes_in(folder):
                    process.send_signal(signal.SIGKILL)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/ping").status_code == 200
    except httpx.TransportError:
        return False
