"""The load protocol against the real gateway and S3: exactly once, or not at all."""

import json
import threading
from dataclasses import replace

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from elt_lib import preflight, sessions
from elt_lib.contract import Batches, Column
from elt_lib.load import LoadError, PermanentLoadError, Rejects, Report, record_no_data
from elt_lib.preflight import PreflightError
from elt_lib.warehouse import SQL, SchemaDrift
from tests.dags.lake import RUN, at, parquet

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


def test_a_value_too_long_names_file_row_column_and_value_and_loads_nothing(lake):
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "new")], [(2, "fits"), (3, "too long")])
    with pytest.raises(PreflightError) as caught:
        lake.load("b1", report)
    assert (
        "part-1.parquet: column note is string with a value of 8 bytes in the file "
        "(row 2: 'too long'), 5 bytes in the table"
    ) in str(caught.value)
    assert lake.copies() == ["completed"]
    assert lake.rows() == [("b1", 1, "old")]


MUTATIONS = {
    "type": lambda table: table.set_column(0, "order_id", table["order_id"].cast(pa.int32())),
    "order": lambda table: table.select([1, 0, 2, 3, 4]),
    "name": lambda table: table.rename_columns(["id", *table.column_names[1:]]),
    "missing": lambda table: table.drop_columns("note"),
    "extra": lambda table: table.append_column("extra", pa.array([1.5])),
    "too long": lambda table: table.set_column(1, "note", pa.array(["toolong"])),
}
NAMED = {
    "type": "column order_id is int32 in the file, bigint in the table",
    "order": "column 1 is note (string in the file), but must be order_id (bigint in the table)",
    "name": "lacks column order_id (bigint in the table) and has column id (int64 in the file)",
    "missing": "lacks column note (varchar(5) in the table)",
    "extra": "has column extra (double in the file) too many",
    "too long": "column note is string with a value of 7 bytes in the file (row 1: 'toolong'), 5",
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutated_column_is_caught_before_copy_with_both_types(lake, mutation):
    lake.load("b1", lake.write("b1", [(1, "old")]))
    before = (lake.rows(), lake.ledger())
    report = lake.rewrite(lake.write("b1", [(1, "a")], [(2, "b")]), 1, MUTATIONS[mutation])
    with pytest.raises(PreflightError) as caught:
        lake.load("b1", report)
    assert f"part-1.parquet: {NAMED[mutation]}" in str(caught.value)
    assert "nothing was loaded" in str(caught.value)
    assert lake.copies() == ["completed"]  # the first load's
    assert (lake.rows(), lake.ledger()) == before
    # The control: the file as it was is loaded.
    assert lake.load("b1", lake.rewrite(report, 1, None)) == 2


def test_what_only_copy_finds_is_explained_and_not_tried_again(lake, monkeypatch):
    monkeypatch.setattr(preflight, "LENGTHS_BUDGET", 0)
    monkeypatch.setattr(preflight.check_lengths, "__defaults__", (0,))
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "new")], [(2, "too long")])
    with pytest.raises(PermanentLoadError) as caught:
        lake.load("b1", report)
    message = str(caught.value)
    assert "was not loaded, its transaction was rolled back: Spectrum Scan Error" in message
    assert "part-1.parquet, line 1, column note (varchar):" in message
    assert "value 'too long'" in message
    assert "Correct the raw file or the contract, then clear the preprocess task." in message
    assert lake.copies() == ["completed", "aborted"]
    assert lake.rows() == [("b1", 1, "old")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


def test_a_sensitive_value_is_in_no_message(lake, monkeypatch):
    order_id, note = lake.feed.columns
    feed = replace(lake.feed, columns=(order_id, replace(note, sensitive=True)))
    report = lake.write("b1", [(1, "too long")])
    with pytest.raises(PreflightError, match=r"8 bytes in the file \(row 1: 'to…'\)"):
        lake.load("b1", report, feed=feed)
    monkeypatch.setattr(preflight.check_lengths, "__defaults__", (0,))
    with pytest.raises(PermanentLoadError) as caught:
        lake.load("b1", report, feed=feed)
    assert "line 1, column note" in str(caught.value)
    assert "(not shown: sensitive) [" in str(caught.value)
    assert "too lo" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_file_deleted_after_the_manifest_loads_nothing(lake):
    report = lake.write("b1", [(1, "a")], [(2, "b")])
    lake.delete(report, "part-1.parquet")
    with pytest.raises(ClientError, match="NoSuchKey"):
        lake.load("b1", report)
    assert (lake.rows(), lake.ledger(), lake.copies()) == ([], [], [])


def test_a_file_deleted_between_preflight_and_copy_loads_nothing(lake):
    lake.load("b1", lake.write("b1", [(1, "old")]))
    report = lake.write("b1", [(1, "a")], [(2, "b")])

    reached = at("before copy", lambda: lake.delete(report, "part-1.parquet"))
    with pytest.raises(PermanentLoadError) as caught:
        lake.load("b1", report, reached=reached)
    assert f"{report.manifest_url}: The specified key does not exist" in str(caught.value)
    assert "part-1.parquet" in str(caught.value)
    assert "clear the preprocess task, which writes it again" in str(caught.value)
    assert lake.rows() == [("b1", 1, "old")]
    assert lake.ledger() == [("b1", "loaded", 2, 1, 1)]


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


def test_a_file_written_again_is_caught(lake):
    report = lake.write("b1", [(1, "a")])
    key = report.manifest_url.removeprefix(f"s3://{lake.bucket}/")
    other = parquet(lake.feed, "b1", [(1, "a"), (2, "b")] * 50, report.loaded_at)
    lake.put(key.replace("manifest.json", "part-0.parquet"), other)
    with pytest.raises(PreflightError, match="it was written again"):
        lake.load("b1", report)
    assert lake.rows() == []


def test_another_manifest_under_the_same_name_is_caught(lake):
    report = lake.write("b1", [(1, "a")])
    lake.put(report.manifest_url.removeprefix(f"s3://{lake.bucket}/"), b'{"entries": []}')
    with pytest.raises(LoadError, match="is not the manifest that its report describes"):
        lake.load("b1", report)


def test_rows_that_the_report_does_not_know_are_caught(lake):
    report = replace(lake.write("b1", [(1, "a")]), written_rows=2)
    with pytest.raises(LoadError, match="lists files with 1 rows, its report says 2"):
        lake.load("b1", report)
    assert lake.rows() == []


REPORT = {
    "manifest": {"url": "s3://lake/m", "sha256": "0"},
    "files": [],
    "raw_rows": 3,
    "rejected_rows": 2,
    "written_rows": 1,
    "loaded_at": "2026-01-01T00:00:00Z",
    "rejects": [{"rule": "type", "column": "a", "rows": 2}],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"written_rows": 2}, r"3 raw rows, 2 rejected \(2 by rule\), 2 written"),
        ({"rejects": []}, r"3 raw rows, 2 rejected \(0 by rule\), 1 written"),
    ],
)
def test_a_report_that_does_not_add_up_is_refused(change, said):
    assert Report.parse(json.dumps(REPORT).encode()).rejects == (Rejects("type", "a", 2),)
    with pytest.raises(PermanentLoadError, match=said):
        Report.parse(json.dumps(REPORT | change).encode())


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


def test_a_column_that_the_contract_gained_is_added(lake):
    lake.load("b1", lake.write("b1", [(1, "a")]))
    first, second = lake.feed.columns
    wider = replace(lake.feed, columns=(first, Column("extra", "varchar(9)"), second))
    lake.load("b2", lake.write("b2", [(2, "new", "b")], feed=wider), feed=wider)
    rows = lake.query(f"select order_id, extra, note from staging.{lake.feed.table} order by 1")
    assert rows == [(1, None, "a"), (2, "new", "b")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            (Column("order_id", "integer", required=True), Column("note", "varchar(5)")),
            "column order_id is bigint in the table, integer in the contract",
        ),
        (
            (Column("order_id", "bigint", required=True), Column("note", "varchar(9)")),
            "column note is varchar(5) in the table, varchar(9) in the contract",
        ),
        (
            (Column("order_id", "bigint", required=True),),
            "column note is in the table but no longer in the contract",
        ),
    ],
)
def test_what_takes_a_migration_stops_the_load_with_the_migration(lake, columns, message):
    lake.load("b1", lake.write("b1", [(1, "old"), (2, None)]))
    before = (lake.rows(), lake.ledger())
    changed = replace(lake.feed, columns=columns)
    report = lake.write("b2", [row[: len(columns)] for row in [(3, "new")]], feed=changed)
    with pytest.raises(SchemaDrift) as caught:
        lake.load("b2", report, feed=changed)
    assert message in str(caught.value)
    assert "_shop__sources.yml" in str(caught.value)
    assert (lake.rows(), lake.ledger()) == before
    # Its own words are the migration: the rows stay, and the load goes through.
    migration = str(caught.value).split("\n\n")[1]
    lake.change(*filter(None, (each.strip() for each in migration.split(";"))))
    assert lake.load("b2", report, feed=changed) == 1
    names = ", ".join(column.name for column in columns)
    rows = lake.query(f"select {names} from staging.{lake.feed.table} order by 1")
    assert rows == [row[: len(columns)] for row in [(1, "old"), (2, None), (3, "new")]]
    lake.change(f"drop table staging.{lake.feed.table}__before")


def test_no_statement_of_ours_holds_a_key():
    texts = {path.name: path.read_text().lower() for path in SQL.glob("*.sql")}
    assert "iam_role '$role'" in texts["copy_batch.sql"]
    words = ("credentials", "access_key", "secret", "session_token", "password")
    assert [(name, word) for name, text in texts.items() for word in words if word in text] == []


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
