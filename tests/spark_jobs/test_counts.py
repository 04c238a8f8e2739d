from __future__ import annotations

import pytest

from spark_jobs.counts import FileCount, RejectCount, Totals, account, reject_table
from spark_jobs.errors import UnstableError

A, B = "s3://lake/a.csv", "s3://lake/b.csv"


def test_rows_add_up_per_file_and_per_rule() -> None:
    rejects = [
        RejectCount(B, "type", "id", 1, "x"),
        RejectCount(A, "type", "id", 2, "y"),
        RejectCount(A, "malformed", None, 3, "1,2,3"),
        RejectCount(B, "required", "note", 1, None),
    ]
    counts = account([A, B, "s3://lake/c.csv"], Totals(20, 7), {A: 10, B: 3}, rejects)
    assert counts.files == (
        FileCount(A, written=10, rejected=5),
        FileCount(B, written=3, rejected=2),
        FileCount("s3://lake/c.csv", written=0, rejected=0),
    )
    assert [file.raw for file in counts.files] == [15, 5, 0]
    assert counts.rejects == (
        RejectCount("", "malformed", None, 3, "1,2,3"),
        RejectCount("", "type", "id", 3, "y"),
        RejectCount("", "required", "note", 1, None),
    )


@pytest.mark.parametrize(
    ("written", "rejected"), [({A: 9}, 1), ({A: 11}, 1), ({A: 10}, 2), ({A: 9, B: 1}, 1)]
)
def test_a_row_lost_or_doubled_fails_the_batch(written: dict[str, int], rejected: int) -> None:
    with pytest.raises(UnstableError, match="11 raw rows were read, 1 of them to reject"):
        account([A], Totals(11, 1), written, [RejectCount(A, "type", "id", rejected, "x")])


def test_the_table_is_for_people() -> None:
    table = reject_table(
        [
            RejectCount("", "type", "id", 12, "x" * 80),
            RejectCount("", "malformed", None, 3, "1,2\t3"),
            RejectCount("", "required", "note", 1, None),
        ]
    )
    assert table.splitlines() == [
        "rule       column  rows  example",
        f"type       id      12    '{'x' * 38}…",
        r"malformed          3     '1,2\t3'",
        "required   note    1",
    ]
