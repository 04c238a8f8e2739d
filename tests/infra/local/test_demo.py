import signal
import threading
from contextlib import nullcontext
from datetime import date

import pytest

from infra.local import demo
from infra.local.backfill import Outcome
from infra.local.config import Config
from infra.local.demo import _differences
from infra.local.errors import StackError
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

    def backfill(_config, dag_id, first, last, say):
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
        demo, "backfill", lambda *given: given[-1]("1 run") or Outcome(("2020-01-01",), ())
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
def test_only_a_stack_that_the_demonstration_started_is_stopped(
    tmp_path, monkeypatch, running, calls, ends_by
):
    stack = FakeStack(running)
    monkeypatch.setattr(demo, "Stack", lambda *_, **__: stack)
    before = signal.getsignal(signal.SIGTERM)
    config = Config.load({"STARLIFT_STATE": str(tmp_path)})
    expected = KeyboardInterrupt if ends_by == "SIGTERM" else ends_by
    outcome = pytest.raises(expected) if expected else nullcontext()
    with outcome, demo._stack(config, lambda _: None) as started:
        assert started is not running
        if ends_by == "SIGTERM":
            signal.raise_signal(signal.SIGTERM)
        elif ends_by:
            raise ends_by("stop")
    assert stack.calls == calls
    assert signal.getsignal(signal.SIGTERM) is before
