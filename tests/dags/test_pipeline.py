"""The two decisions that a run takes by itself: when a batch is late, and whose turn it is."""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from elt_lib.pipeline import _is_our_turn, _wait_until_late


def timeout_for(**context):
    sensor = SimpleNamespace(timeout=None, log=logging.getLogger("test"))
    _wait_until_late(timedelta(days=15))({"task": sensor, **context})
    return sensor.timeout


def month_until(end):
    return {"data_interval_start": end - timedelta(days=30), "data_interval_end": end}


def test_an_old_batch_is_late_at_once():
    assert timeout_for(**month_until(datetime(2019, 12, 1, tzinfo=UTC))) == 0


def test_a_recent_batch_is_late_when_its_wait_is_over():
    left = timeout_for(**month_until(datetime.now(UTC) - timedelta(days=5)))
    assert left == pytest.approx(10 * 86400, abs=60)


def test_a_batch_of_the_parameter_is_late_by_its_own_interval():
    recent = month_until(datetime.now(UTC) - timedelta(days=5))
    assert timeout_for(**recent, params={"batch": "2019-11-01"}) == 0
    its_own = recent["data_interval_start"].isoformat()
    left = timeout_for(**recent, params={"batch": its_own})
    assert left == pytest.approx(10 * 86400, abs=60)


def test_a_run_without_interval_has_the_whole_wait():
    assert timeout_for() == pytest.approx(15 * 86400, abs=60)


def turn_after(run, states):
    """Whether it is a run's turn when these are the states of the earlier run's tasks."""

    def get_task_states(dag_id, task_ids, run_ids):
        assert (dag_id, task_ids, run_ids) == ("bikeshare", ["publish"], ["earlier"])
        return states

    ti = SimpleNamespace(
        dag_id="bikeshare",
        get_previous_dagrun=lambda state: run if state == "running" else None,
        get_task_states=get_task_states,
    )
    return _is_our_turn(ti=ti, params={})


def test_a_run_that_no_other_precedes_has_its_turn():
    assert turn_after(None, {}) is True


@pytest.mark.parametrize(
    ("publish", "turn"),
    [
        (None, False),  # the models before it are not done
        ("upstream_failed", False),  # one model failed, others may still be at work
        ("queued", True),
        ("running", True),
        ("up_for_retry", True),
        ("success", True),
    ],
)
def test_a_run_waits_until_the_one_before_has_built_its_models(publish, turn):
    earlier = SimpleNamespace(run_id="earlier")
    assert turn_after(earlier, {"earlier": {"publish": publish}}) is turn


def test_a_run_that_has_no_task_yet_is_waited_for():
    assert turn_after(SimpleNamespace(run_id="earlier"), {}) is False
