"""A Parquet file that doesn't fit is caught before COPY and its column is named."""

import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elt_lib import preflight
from elt_lib.contract import Column, Empty, ExtraColumns, Feed, Files, TableLayout
from elt_lib.preflight import PreflightError, check, check_lengths, read_footer
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


VALUES = {pa.string(): "x", pa.timestamp("us"): 0, pa.decimal128(12, 2): 1}


def parquet(fields, rows=3, **given):
    """A file whose columns hold one value of their type, or what is given."""
    table = pa.table(
        {
            name: pa.array(given.get(name, [VALUES.get(kind, 0)] * rows), kind)
            for name, kind in fields
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def footer(fields=FIELDS, content=None):
    content = parquet(fields) if content is None else content
    return read_footer(URL, len(content), lambda _, start, end: content[start:end])


def test_a_fitting_file_gives_its_rows():
    assert check(FEED, TABLE, [footer(), footer()]) == 6


MUTATIONS = {
    "column amount is double in the file, numeric(12,2) in the table": {
        1: ("amount", pa.float64())
    },
    "column amount is decimal128(12, 3) in the file": {1: ("amount", pa.decimal128(12, 3))},
    "column order_id is int32 in the file, bigint in the table": {0: ("order_id", pa.int32())},
    "column 1 is amount (decimal128(12, 2) in the file), but must be order_id (bigint in the "
    "table)": {0: FIELDS[1], 1: FIELDS[0]},
    "lacks column order_id (bigint in the table) and has column id (int64 in the file) too many": {
        0: ("id", pa.int64())
    },
    "lacks column note (varchar(20) in the table)": {2: None},
    "has column extra (string in the file) too many": {6: ("extra", pa.string())},
}


@pytest.mark.parametrize("message", MUTATIONS)
def test_each_mutation_is_caught_and_named(message):
    fields = dict(enumerate(FIELDS)) | MUTATIONS[message]
    mutated = [field for field in fields.values() if field]
    with pytest.raises(PreflightError) as caught:
        check(FEED, TABLE, [footer(), footer(mutated)])
    assert f"{URL}: {message}" in str(caught.value)
    assert "nothing was loaded" in str(caught.value)


def test_a_null_in_a_required_column_is_told_by_the_footer():
    columns = tuple(replace(c, required=c.name == "amount") for c in FEED.columns)
    feed = replace(FEED, columns=columns)
    content = parquet(FIELDS, amount=[None, 1, None])
    with pytest.raises(PreflightError) as caught:
        check(feed, TABLE, [footer(), footer(content=content)])
    message = "column amount is NULL in 2 rows of the file, numeric(12,2) not null in the table"
    assert f"{URL}: {message}" in str(caught.value)


def lengths(content, **options):
    reads = []

    def read_range(url, start, end):
        reads.append((start, min(end, len(content))))
        return content[start:end]

    found = read_footer(URL, len(content), read_range)
    del reads[:]
    check_lengths(FEED, TABLE, [found], read_range, **options)
    return reads


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        (["x", None, "y" * 21], f"21 bytes in the file (row 3: '{'y' * 21}')"),
        (["ż" * 11, "y" * 21, "x"], f"22 bytes in the file (row 1: '{'ż' * 11}')"),
        (["x", "y" * 60, "x"], f"60 bytes in the file (row 2: '{'y' * 39}…')"),
        ([*["x"] * 99_999, "y" * 21], f"21 bytes in the file (row 100000: '{'y' * 21}')"),
    ],
)
def test_a_value_that_is_too_long_is_named_with_its_row_and_column(notes, said):
    with pytest.raises(PreflightError) as caught:
        lengths(parquet(FIELDS, len(notes), note=notes))
    assert f"{URL}: column note is string with a value of {said}, 20 bytes in the table" in str(
        caught.value
    )


def test_lengths_are_counted_in_bytes_and_the_whole_length_is_taken():
    lengths(parquet(FIELDS, 2, note=["ż" * 10, "y" * 20]))


def test_only_text_columns_are_read_for_lengths():
    content = parquet(FIELDS, rows=1000)
    metadata = pq.read_metadata(io.BytesIO(content))
    amount = metadata.row_group(0).column(1)
    start = amount.dictionary_page_offset
    assert not [(a, b) for a, b in lengths(content) if a <= start < b]


def test_beyond_the_budget_lengths_are_left_to_copy(caplog):
    caplog.set_level("INFO")
    assert lengths(parquet(FIELDS, note=["y" * 21] * 3), budget=10) == []
    assert "the text columns of 0 of 1 files were compared" in caplog.text


def test_a_footer_larger_than_the_first_read_is_read_whole(monkeypatch):
    monkeypatch.setattr(preflight, "TAIL", 16)
    assert footer().rows == 3


def test_a_file_of_another_size_is_caught():
    content = parquet(FIELDS)
    with pytest.raises(PreflightError, match=f"doesn't have the {len(content) + 7} bytes"):
        read_footer(URL, len(content) + 7, lambda _, start, end: content[start:end])


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
