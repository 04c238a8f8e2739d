"""The two decisions that a run takes by itself: when a batch is late, and whose turn it is."""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from elt_lib.pipeline import _no_earlier_run_is_active, _wait_until_late

NOW = datetime.now(UTC)


def timeout_for(**context):
    sensor = SimpleNamespace(timeout=None, log=logging.getLogger("test"))
    _wait_until_late(timedelta(days=15))({"task": sensor, **context})
    return sensor.timeout


def test_an_old_batch_is_late_at_once():
    assert timeout_for(data_interval_end=datetime(2019, 12, 1, tzinfo=UTC)) == 0


def test_a_recent_batch_is_late_when_its_wait_is_over():
    left = timeout_for(data_interval_end=NOW - timedelta(days=5))
    assert left == pytest.approx(10 * 86400, abs=60)


def test_a_run_without_interval_has_the_whole_wait():
    assert timeout_for(data_interval_end=None) == pytest.approx(15 * 86400, abs=60)


@pytest.mark.parametrize(("earlier", "turn"), [(None, True), (SimpleNamespace(), False)])
def test_a_run_waits_for_an_earlier_one_that_is_active(earlier, turn):
    asked = []

    def get_previous_dagrun(state):
        asked.append(state)
        return earlier

    ti = SimpleNamespace(get_previous_dagrun=get_previous_dagrun)
    assert _no_earlier_run_is_active(ti=ti, params={}) is turn
    assert asked == ["running"]
