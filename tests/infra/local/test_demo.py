import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from datetime import UTC, date, datetime

import pytest

from infra.local import demo
from infra.local.backfill import Outcome
from infra.local.config import CHECKOUT
from infra.local.demo import _differences
from infra.local.errors import StackError
from infra.local.interrupts import interrupted_once
from infra.local.samples.sample import Batch, Sample


def test_the_accounting_is_compared_with_what_was_written():
    batch = Batch("bikeshare", "trips", "20191101T000000", (), raw_rows=10, rejected={"type": 2})
    samples = {"bikeshare": Sample((batch,), {}), "empty": Sample((), {})}
    names = ["source", "feed", "batch_id", "raw_rows", "rejected_rows", "loaded_rows"]
    row = ["bikeshare", "trips", "20191101T000000", 10, 2, 8]
    assert _differences(samples, names, [row]) == []
    assert _differences(samples, names, [[*row[:5], 7]]) == [
        "  bikeshare.trips 20191101T000000: (10, 2, 7), but (10, 2, 8) was written"
    ]
    for other in ([], [["taxi", *row[1:]]]):
        assert _differences(samples, names, other) == [
            "  bikeshare.trips 20191101T000000: None, but (10, 2, 8) was written"
        ]


class Source:
    """A source as `registry` lists them, without files."""

    def __init__(self, name):
        self.SOURCE = name
        self.FIRST, self.LAST = date(2020, 1, 1), date(2020, 1, 31)


def test_sources_run_two_at_once_and_their_lines_are_told_apart(monkeypatch):
    running = threading.Barrier(2, timeout=20)
    said = []

    def backfill(_config, dag_id, first, last, say, pause):
        running.wait()  # breaks unless two are here at the same time
        say(f"1 run\n{first} to {last}")
        return Outcome((), ("2020-01-01",) if dag_id == "b" else ())

    monkeypatch.setattr(demo, "backfill", backfill)
    failed = demo._run_dags(None, said.append, [Source(name) for name in "abcd"])
    assert failed == ["b 2020-01-01"]
    block = "1 run\n{0}2020-01-01 to 2020-01-31"
    assert sorted(said) == [f"{name:<12}{block.format(f'{name:<12}')}" for name in "abcd"]


def test_one_source_needs_no_label(monkeypatch):
    said = []
    monkeypatch.setattr(
        demo, "backfill", lambda *given, **_: given[-1]("1 run") or Outcome(("2020-01-01",), ())
    )
    assert demo._run_dags(None, said.append, [Source("a")]) == []
    assert said == ["1 run"]


class FakeStack:
    """Remembers what it was told."""

    def __init__(self, running):
        self.calls = []
        self.supervisor = self
        self.running = running

    def process(self):
        return object() if self.running else None

    def up(self):
        self.calls.append("up")

    def down(self):
        self.calls.append("down")


@pytest.mark.parametrize(("running", "calls"), [(False, ["up", "down"]), (True, ["up"])])
@pytest.mark.parametrize("ends_by", [None, StackError, KeyboardInterrupt, "SIGTERM"])
def test_only_a_stack_that_the_demonstration_started_is_stopped(running, calls, ends_by):
    stack = FakeStack(running)
    before = signal.getsignal(signal.SIGTERM)
    expected = KeyboardInterrupt if ends_by == "SIGTERM" else ends_by
    outcome = pytest.raises(expected) if expected else nullcontext()
    with (
        outcome,
        interrupted_once(),
        demo._up_for_a_while(stack, lambda _: None, started=not running),
    ):
        if ends_by == "SIGTERM":
            signal.raise_signal(signal.SIGTERM)
        elif ends_by:
            raise ends_by("stop")
    assert stack.calls == calls
    assert signal.getsignal(signal.SIGTERM) is before


ENDLESS = {
    "dag_run_id": "r",
    "state": "running",
    "logical_date": "2020-01-01T00:00:00Z",
    "duration": None,
}


class Airflow(http.server.BaseHTTPRequestHandler):
    """The API of an Airflow with one run that never ends."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.endswith("/details"):
            parsed = datetime.now(UTC).isoformat()
            self.answer(is_stale=False, has_import_errors=False, last_parsed_time=parsed)
        elif path.endswith("/taskInstances"):
            self.server.followed.set()
            self.answer(task_instances=[], total_entries=0)
        elif path.endswith("/dagRuns"):
            self.answer(dag_runs=[ENDLESS], total_entries=1)
        else:
            self.answer(access_token="token", dags=[], total_entries=0)

    def do_POST(self):
        self.answer(backfills=[{"logical_date": ENDLESS["logical_date"]}], id=1)

    def do_PATCH(self):
        self.answer()

    def answer(self, **body):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def airflow():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    server.followed = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


# The command as it is, but for the servers: they are not what this is about.
COMMAND = """
import sys, time
from infra.local import __main__, demo

class Stack:
    def __init__(self, config, say):
        self.supervisor, self.say = self, say
    def process(self):
        return object() if sys.argv[1] == "running" else None
    def up(self):
        self.say("up")
    def down(self):
        time.sleep(1)
        self.say("down")

demo.Stack = Stack
demo._upload_sample = lambda *_: None
sys.exit(__main__.main(["demo", "--source", sys.argv[2]]))
"""


@pytest.mark.parametrize("stack", ["stopped", "running"])
@pytest.mark.parametrize("source", ["bikeshare", "all"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_seconds_while_runs_are_followed(
    tmp_path, airflow, stack, source, number
):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, stack, source],
        cwd=CHECKOUT,
        env=os.environ
        | {"STARLIFT_STATE": str(tmp_path), "STARLIFT_PORT_AIRFLOW": str(airflow.server_port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert airflow.followed.wait(30)
        began = time.monotonic()
        process.send_signal(number)
        if stack == "stopped":
            time.sleep(0.5)  # within `down`: make and timeout pass the signal on
            process.send_signal(number)
        said, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert time.monotonic() - began < 10
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    lines = said.splitlines()
    if stack == "stopped":
        assert errors == "Stopping: this takes some seconds.\n"
        assert lines[-3:-1] == [
            "",
            f"Interrupted. The stack is down; what was loaded stays in {tmp_path}.",
        ]
        assert "down" in lines
        assert "`make demo` goes on with the runs that were cut off" in lines[-1]
    else:
        assert "down" not in lines
        assert "The stack stays up and its runs go on" in lines[-2]
        assert "`make demo` follows them again" in lines[-1]
