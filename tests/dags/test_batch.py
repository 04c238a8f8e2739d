"""Which batch a run is for."""

from datetime import UTC, datetime

import pytest

from elt_lib.batch import NoBatch, batch_id, batch_start, run_slug

OCTOBER = datetime(2019, 10, 1, tzinfo=UTC)


def test_a_scheduled_run_is_for_its_data_interval():
    assert (
        batch_id({"data_interval_start": OCTOBER, "params": {"batch": None}}) == "20191001T000000"
    )


@pytest.mark.parametrize(
    ("given", "batch"),
    [
        ("2021-09-01", "20210901T000000"),
        ("2021-09-01T06:00:00", "20210901T060000"),
        ("2021-09-01T06:00:00+02:00", "20210901T040000"),
    ],
)
def test_the_parameter_wins(given, batch):
    assert batch_id({"data_interval_start": OCTOBER, "params": {"batch": given}}) == batch


def test_a_parameter_that_is_no_date_is_refused():
    with pytest.raises(NoBatch, match=r"parameter batch is 'September': write a date"):
        batch_start({"params": {"batch": "September"}})


def test_a_run_without_interval_says_what_to_do():
    with pytest.raises(NoBatch, match="trigger it with the parameter `batch`"):
        batch_start({"params": {}})


def test_a_run_id_becomes_a_path_that_every_file_system_takes():
    run = {"run_id": "backfill__2019-11-01T00:00:00+00:00"}
    assert run_slug(run) == "backfill__2019-11-01T00-00-00-00-00"
