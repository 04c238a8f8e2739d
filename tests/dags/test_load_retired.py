"""Feeds of which each batch is the whole: a load retires batches beyond those that are kept."""

from dataclasses import replace

import pytest

from elt_lib.contract import Batches
from elt_lib.load import PermanentLoadError, Rejects

pytestmark = pytest.mark.slow


def replacing(lake, keep):
    return replace(lake.feed, batches=Batches.REPLACE, keep_batches=keep)


def test_a_batch_that_replaces_retires_those_beyond_what_is_kept(lake):
    feed = replacing(lake, keep=2)
    for number in range(1, 5):
        batch = f"2020010{number}T000000"
        rows = [(number, "x")] * number
        assert lake.load(batch, lake.write(batch, rows), feed=feed) == number
    assert [row[0][:8] for row in lake.rows()] == ["20200103"] * 3 + ["20200104"] * 4
    assert [(row[0][:8], *row[1:]) for row in lake.ledger()] == [
        ("20200101", "retired", 2, 1, 1),
        ("20200102", "retired", 3, 1, 2),
        ("20200103", "loaded", 4, 1, 3),
        ("20200104", "loaded", 5, 1, 4),
    ]


def test_an_older_batch_that_comes_late_retires_itself_and_nothing_newer(lake):
    feed = replacing(lake, keep=1)
    lake.load("20200201T000000", lake.write("20200201T000000", [(2, "new")]), feed=feed)
    late = lake.write("20200101T000000", [(1, "late")])
    for _ in range(2):
        assert lake.load("20200101T000000", late, feed=feed) == 1
        assert lake.rows() == [("20200201T000000", 2, "new")]
        assert [row[1] for row in lake.ledger()] == ["retired", "loaded"]
    # The latest again, corrected: it is replaced, and still the latest.
    lake.load("20200201T000000", lake.write("20200201T000000", [(3, "fix")]), feed=feed)
    assert lake.rows() == [("20200201T000000", 3, "fix")]


def test_a_batch_without_rows_retires_nothing(lake):
    feed = replacing(lake, keep=1)
    lake.load("b1", lake.write("b1", [(1, "a")]), feed=feed)
    lake.load("b2", lake.write("b2"), feed=feed)
    assert lake.rows() == [("b1", 1, "a")]
    assert [row[1] for row in lake.ledger()] == ["loaded", "loaded"]


def test_a_load_that_fails_retires_nothing(lake):
    feed = replacing(lake, keep=1)
    lake.load("b1", lake.write("b1", [(1, "a")]), feed=feed)
    broken = replace(lake.write("b2", [(2, "b")]), rejects=(Rejects("x" * 65, None, 1),))
    with pytest.raises(PermanentLoadError):
        lake.load("b2", broken, feed=feed)
    assert lake.rows() == [("b1", 1, "a")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


def test_batches_that_add_up_are_never_retired(lake):
    for number in range(4):
        lake.load(f"b{number}", lake.write(f"b{number}", [(number, "x")]))
    assert [row[1] for row in lake.ledger()] == ["loaded"] * 4
