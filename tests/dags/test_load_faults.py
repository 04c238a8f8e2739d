"""Faults of the warehouse amid a load: the whole transaction again, or left to Airflow."""

import pytest

from elt_lib import sessions
from elt_lib.load import LoadError, PermanentLoadError
from tests.dags.lake import at

pytestmark = pytest.mark.slow


KINDS = (
    "serializable_isolation",
    "concurrent_transaction",
    "connection_lost_before",
    "connection_lost_after",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("statement", ["^lock", "^delete from staging", "^copy", "^commit"])
def test_a_fault_of_the_warehouse_is_answered_by_the_whole_transaction_again(
    lake, monkeypatch, kind, statement
):
    monkeypatch.setattr(sessions, "FIRST_PAUSE", 0.01)
    lake.load("b1", lake.write("b1", [(1, "old"), (2, "old")]))
    report = lake.write("b1", [(1, "a")], [(3, "c")])
    # Armed late, so that the COMMIT is the load's and not that of the table's check before it.
    reached = at("before lock", lambda: lake.inject(kind, statement))
    assert lake.load("b1", report, reached=reached) == 2
    assert lake.rows() == [("b1", 1, "a"), ("b1", 3, "c")]
    assert lake.ledger() == [("b1", "loaded", 3, 1, 2)]
    assert lake.hits() == [1]


def test_a_fault_that_stays_is_left_to_airflow_after_five_tries(lake, monkeypatch):
    monkeypatch.setattr(sessions, "FIRST_PAUSE", 0.01)
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "new")])
    lake.inject("serializable_isolation", "^copy", times=99)
    with pytest.raises(LoadError, match="1023 Serializable isolation violation") as caught:
        lake.load("b1", report)
    assert not isinstance(caught.value, PermanentLoadError)
    assert lake.hits() == [5]
    assert lake.rows() == [("b1", 1, "old")]
    lake.query("select starlift_gateway.clear_faults()")
    assert lake.load("b1", report) == 1
    assert lake.rows() == [("b1", 1, "new")]
