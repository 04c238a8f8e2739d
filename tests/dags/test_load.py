"""The load protocol against the real gateway and S3: exactly once, or not at all."""

import threading
from dataclasses import replace

import pytest

from elt_lib.load import Rejects, record_no_data
from elt_lib.warehouse import SQL
from tests.dags.lake import RUN

pytestmark = pytest.mark.slow


def test_a_batch_is_loaded_and_noted(lake):
    assert lake.load("b1", lake.write("b1", [(1, "a"), (2, None)], [(3, "c")])) == 3
    assert lake.rows() == [("b1", 1, "a"), ("b1", 2, None), ("b1", 3, "c")]
    assert lake.ledger() == [("b1", "loaded", 4, 1, 3)]


def test_the_same_manifest_again_changes_nothing(lake):
    report = lake.write("b1", [(1, "a")])
    lake.load("b1", report)
    noted = lake.query("select recorded_at from ops.load_ledger order by 1")
    assert lake.load("b1", report) == 1
    assert lake.rows() == [("b1", 1, "a")]
    assert lake.query("select recorded_at from ops.load_ledger order by 1") == noted


def test_another_manifest_replaces_exactly_its_batch(lake):
    lake.load("b1", lake.write("b1", [(1, "a"), (2, "b")]))
    lake.load("b2", lake.write("b2", [(9, "z")]))
    lake.load("b1", lake.write("b1", [(1, "A")]))
    assert lake.rows() == [("b1", 1, "A"), ("b2", 9, "z")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1), ("b2", "loaded", 2, 1, 1)]


def test_a_batch_whose_rows_were_all_rejected_is_noted(lake):
    lake.load("b1", lake.write("b1", [(1, "a")]))
    assert lake.load("b1", lake.write("b1")) == 0
    assert lake.rows() == []
    assert lake.ledger() == [("b1", "loaded", 1, 1, 0)]


def test_rejects_are_noted_by_rule_and_replaced_with_their_batch(lake):
    def rejects():
        return lake.query(
            "select batch_id, rule, column_name, rejected_rows from ops.load_rejects "
            f"where feed = '{lake.feed.name}' order by 1, 2, 3"
        )

    first = replace(
        lake.write("b1", [(1, "a")]),
        rejects=(Rejects("type", "note", 2), Rejects("malformed", None, 1)),
    )
    lake.load("b1", first)
    lake.load("b2", lake.write("b2", [(1, "a")]))
    assert rejects() == [
        ("b1", "malformed", None, 1),
        ("b1", "type", "note", 2),
        ("b2", "type", "note", 1),
    ]
    lake.load("b1", replace(lake.write("b1", [(1, "a")]), rejects=()))
    assert rejects() == [("b2", "type", "note", 1)]


def test_no_data_is_noted_once_and_never_over_a_load(lake):
    record_no_data(lake.session, lake.feed, "b1", RUN)
    record_no_data(lake.session, lake.feed, "b1", RUN)
    assert lake.ledger() == [("b1", "no_data", 0, 0, 0)]
    lake.load("b1", lake.write("b1", [(1, "a")]))
    record_no_data(lake.session, lake.feed, "b1", RUN)
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


def at_once(*calls):
    """Run calls in threads that start together; returns what each raised or None."""
    barrier = threading.Barrier(len(calls))
    raised = [None] * len(calls)

    def run(number, call):
        barrier.wait()
        try:
            call()
        except Exception as error:  # noqa: BLE001 compared by the test
            raised[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_loads_of_one_batch_at_once_load_it_once(lake):
    report = lake.write("b1", [(number, "x") for number in range(500)])
    calls = [lambda: lake.load("b1", report)] * 4
    assert at_once(*calls) == [None] * 4
    assert [row[1] for row in lake.rows()] == list(range(500))
    assert lake.ledger() == [("b1", "loaded", 501, 1, 500)]


def test_two_attempts_of_one_batch_at_once_leave_one(lake):
    reports = [lake.write("b1", [(number, "x") for number in range(500)]) for _ in range(2)]
    assert at_once(*[lambda r=r: lake.load("b1", r) for r in reports]) == [None] * 2
    assert [row[1] for row in lake.rows()] == list(range(500))
    assert lake.ledger() == [("b1", "loaded", 501, 1, 500)]


def test_two_batches_of_one_feed_at_once(lake):
    reports = {f"b{n}": lake.write(f"b{n}", [(n, "x")] * 200) for n in range(3)}
    calls = [lambda b=b, r=r: lake.load(b, r) for b, r in reports.items()]
    assert at_once(*calls) == [None] * 3
    assert lake.rows() == [(f"b{n}", n, "x") for n in range(3) for _ in range(200)]


def test_a_reader_sees_whole_batches_only_and_no_error(lake):
    """Two runs of one batch and a run of another at once, five rounds; polled all the while."""
    sizes = {"b1": 300, "b2": 200}
    for batch, size in sizes.items():
        lake.load(batch, lake.write(batch, [(n, "0") for n in range(size)]))
    seen, done = [], threading.Event()

    def poll():
        cursor = lake.connect().cursor()
        while not done.is_set():
            cursor.execute(
                "select _batch_id, count(*), count(distinct order_id), min(note), max(note) "
                f"from staging.{lake.feed.table} group by _batch_id order by 1"
            )
            seen.append([tuple(row) for row in cursor.fetchall()])
            cursor.execute("rollback")

    def load_all():
        try:
            for number in range(1, 6):
                rows = {b: [(n, str(number)) for n in range(size)] for b, size in sizes.items()}
                first, second = (lake.write(batch, rows[batch]) for batch in sizes)
                loads = [("b1", first), ("b1", first), ("b2", second)]
                assert at_once(*[lambda it=it: lake.load(*it) for it in loads]) == [None] * 3
        finally:
            done.set()

    assert at_once(poll, load_all) == [None, None]
    assert {tuple((batch, *counts) for batch, *counts, _, _ in look) for look in seen} == {
        (("b1", 300, 300), ("b2", 200, 200))
    }
    assert all(least == greatest for look in seen for *_, least, greatest in look)
    assert len({look[0][-1] for look in seen}) > 1  # it did see versions change
    assert [row[3:] for row in lake.ledger()] == [(1, 300), (1, 200)]


def test_no_statement_of_ours_holds_a_key():
    texts = {path.name: path.read_text().lower() for path in SQL.glob("*.sql")}
    assert "iam_role '$role'" in texts["copy_batch.sql"]
    words = ("credentials", "access_key", "secret", "session_token", "password")
    assert [(name, word) for name, text in texts.items() for word in words if word in text] == []
