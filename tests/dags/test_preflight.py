"""A Parquet file that doesn't fit is caught before COPY and its column is named."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elt_lib import preflight
from elt_lib.contract import Column, Empty, ExtraColumns, Feed, Files, TableLayout
from elt_lib.preflight import PreflightError, check, read_footer
from elt_lib.redshift_types import RedshiftType

FEED = Feed(
    source="shop",
    name="orders",
    description="",
    files=Files("*.csv"),
    columns=(
        Column("order_id", "bigint"),
        Column("amount", "numeric(12,2)"),
        Column("note", "varchar(20)"),
    ),
    layout=TableLayout(),
    wait=None,
    empty=Empty.FAIL,
    extra_columns=ExtraColumns.FAIL,
    reject_limit=0.0,
    declared_in="x.yml",
)
FIELDS = [
    ("order_id", pa.int64()),
    ("amount", pa.decimal128(12, 2)),
    ("note", pa.string()),
    ("_batch_id", pa.string()),
    ("_source_file", pa.string()),
    ("_loaded_at", pa.timestamp("us")),
]
TABLE = {c.name: c.type for c in FEED.table_columns}
URL = "s3://lake/part-0.parquet"


def parquet(fields, rows=3):
    table = pa.table({name: pa.array([None] * rows, kind) for name, kind in fields})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def footer(fields=FIELDS, content=None):
    content = parquet(fields) if content is None else content
    return read_footer(URL, len(content), lambda _, start: content[start:])


def test_a_fitting_file_gives_its_rows():
    assert check(FEED, TABLE, [footer(), footer()]) == 6


MUTATIONS = {
    "column amount is double in the file, numeric(12,2) in the table": {
        1: ("amount", pa.float64())
    },
    "column amount is decimal128(12, 3) in the file": {1: ("amount", pa.decimal128(12, 3))},
    "column order_id is int32 in the file, bigint in the table": {0: ("order_id", pa.int32())},
    "column 1 is amount, but must be order_id": {0: FIELDS[1], 1: FIELDS[0]},
    "lacks order_id and has id too many": {0: ("id", pa.int64())},
    "lacks note": {2: None},
    "has extra too many": {6: ("extra", pa.string())},
}


@pytest.mark.parametrize("message", MUTATIONS)
def test_each_mutation_is_caught_and_named(message):
    fields = dict(enumerate(FIELDS)) | MUTATIONS[message]
    mutated = [field for field in fields.values() if field]
    with pytest.raises(PreflightError) as caught:
        check(FEED, TABLE, [footer(), footer(mutated)])
    assert f"{URL}: {message}" in str(caught.value)
    assert "nothing was loaded" in str(caught.value)


def test_a_footer_larger_than_the_first_read_is_read_whole(monkeypatch):
    monkeypatch.setattr(preflight, "TAIL", 16)
    assert footer().rows == 3


def test_a_file_of_another_size_is_caught():
    content = parquet(FIELDS)
    with pytest.raises(PreflightError, match=f"doesn't have the {len(content) + 7} bytes"):
        read_footer(URL, len(content) + 7, lambda _, start: content[start:])


def test_what_is_no_parquet_file_is_named():
    with pytest.raises(
        PreflightError, match=r"part-0.parquet is no Parquet file: it ends with b'e,f\\n'"
    ):
        footer(content=b"a,b,c\nd,e,f\n")


def test_a_broken_footer_is_named():
    content = parquet(FIELDS)
    length = int.from_bytes(content[-8:-4], "little")
    start = len(content) - 8 - length
    broken = content[:start] + b"\xff" * 8 + content[start + 8 :]
    with pytest.raises(PreflightError, match="has a broken Parquet footer"):
        footer(content=broken)


def test_the_table_type_is_the_one_reported():
    table = TABLE | {"amount": RedshiftType.parse("real")}
    with pytest.raises(PreflightError, match=r"column amount is double in the file, real in the"):
        check(FEED, table, [footer([FIELDS[0], ("amount", pa.float64()), *FIELDS[2:]])])
