import signal
from contextlib import nullcontext
from datetime import date

import pytest

from infra.local import demo
from infra.local.config import Config
from infra.local.demo import _differences, _first_day, _last_day
from infra.local.errors import StackError
from infra.local.samples.sample import Batch, Sample


def test_months_end_on_their_last_day():
    assert _first_day("2020-02") == date(2020, 2, 1)
    assert _last_day("2020-02") == date(2020, 2, 29)
    assert _last_day("2019-12") == date(2019, 12, 31)


def test_the_accounting_is_compared_with_what_was_written():
    batch = Batch("bikeshare", "trips", "20191101T000000", (), raw_rows=10, rejected={"type": 2})
    sample = Sample((batch,), {})
    names = ["feed", "batch_id", "raw_rows", "rejected_rows", "loaded_rows"]
    assert _differences(sample, names, [["trips", "20191101T000000", 10, 2, 8]]) == []
    assert _differences(sample, names, [["trips", "20191101T000000", 10, 2, 7]]) == [
        "  trips 20191101T000000: (10, 2, 7), but (10, 2, 8) was written"
    ]
    assert _differences(sample, names, []) == [
        "  trips 20191101T000000: None, but (10, 2, 8) was written"
    ]


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
