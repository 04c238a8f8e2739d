"""Typed columns as PostgreSQL's binary COPY stream."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder

from infra.local.redshift.commands.target import Column

# A byte that is no UTF-8, as Python's "surrogateescape" decodes it.
SURROGATE = re.compile("[\ud800-\udfff]")
MICROSECONDS = pa.timestamp("us")
_TYPES = {
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": MICROSECONDS,
    "timestamptz": MICROSECONDS,
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "text": pa.string(),
    "super": pa.string(),  # its JSON
}


def arrow_type(column: Column) -> pa.DataType | None:
    """The Arrow type in which a column's values are encoded; None when COPY cannot load it."""
    if column.type == "numeric":
        return pa.decimal128(column.precision or 18, column.scale or 0)
    return _TYPES.get(column.type)


def schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of what is sent."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


def encode(
    batches: Iterator[pa.RecordBatch], columns: tuple[Column, ...]
) -> Iterator[tuple[bytes, int]]:
    """The binary COPY stream of typed rows as (bytes, rows)."""
    encoder = ArrowToPostgresBinaryEncoder(schema(columns))
    yield encoder.write_header(), 0
    for batch in batches:
        yield encoder.write_batch(batch), batch.num_rows
    yield encoder.finish(), 0
