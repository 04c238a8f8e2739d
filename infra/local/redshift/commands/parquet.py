"""Parquet files as batches of typed rows, checked as Redshift's columnar COPY does.

Positional, equal column counts, strict types. Messages follow Redshift's "Spectrum Scan Error".
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.encoding import SURROGATE, arrow_type
from infra.local.redshift.commands.encoding import schema as schema_of
from infra.local.redshift.commands.s3 import S3Object, open_object
from infra.local.redshift.commands.target import Column
from infra.local.redshift.errors import GatewayError

# Rows taken from a file at a time: bounds the memory together with the row's width.
BATCH_ROWS = 16_384


class FileError(GatewayError):
    """A file that does not fit the table; carries what the load-error views show."""

    def __init__(
        self,
        code: int,
        context: str,
        item: S3Object,
        column: Column | None = None,
        value: str = "",
        line: int = 0,
    ) -> None:
        super().__init__(
            "XX000",
            "Spectrum Scan Error",
            detail=f"error: Spectrum Scan Error code: {code} context: {context}",
        )
        self.code, self.context, self.item = code, context, item
        self.column, self.value, self.line = column, value, line


def _fits(found: pa.DataType, column: Column, serialize: bool) -> bool:
    """Whether Redshift loads a Parquet column of this type into the column.

    A SUPER column takes any type, but only with SERIALIZETOJSON ("Copying data from columnar-format
    Parquet and ORC", https://docs.aws.amazon.com/redshift/latest/dg/copy_json.html).
    """
    kind = column.type
    if kind == "super":
        return serialize
    if kind in ("varchar", "bpchar"):
        return bool(
            pa.types.is_string(found)
            or pa.types.is_large_string(found)
            or pa.types.is_binary(found)
            or (pa.types.is_dictionary(found) and pa.types.is_string(found.value_type))
        )
    if kind in ("timestamp", "timestamptz"):
        return bool(pa.types.is_timestamp(found))
    if kind == "int2":
        return bool(found in (pa.int8(), pa.int16()))
    if kind == "numeric":
        return bool(
            pa.types.is_decimal(found)
            and found.scale == column.scale
            and found.precision <= (column.precision or 18)
        )
    return bool(found == arrow_type(column))


def _file_name(item: S3Object) -> str:
    return f"https://s3.amazonaws.com/{item.bucket}/{item.key}"


def check_schema(
    schema: pa.Schema, columns: tuple[Column, ...], item: S3Object, serialize: bool
) -> None:
    """Raise FileError unless the file's columns fit the table's, one by one."""
    if len(schema) != len(columns):
        raise FileError(
            15007,
            "Unmatched number of columns between table and file. "
            f"Table columns: {len(columns)}, Data columns: {len(schema)}, "
            f"File name: {_file_name(item)}",
            item,
        )
    for field, column in zip(schema, columns, strict=True):
        if not _fits(field.type, column, serialize):
            raise FileError(
                15001,
                f"File '{_file_name(item)}' has an incompatible Parquet schema for column "
                f"'{item.url}.{field.name}'. Column type: {column.redshift_type}, "
                f"Parquet schema: {'optional' if field.nullable else 'required'} {field.type} "
                f"(table column: {column.name})",
                item,
                column,
            )


def _convert(array: pa.Array, column: Column, replacement: str | None) -> pa.Array:
    """An Arrow array in the type that encodes to the column's."""
    wanted = arrow_type(column)
    if column.type == "super":
        return pa.array([_json(value, array.type) for value in array.to_pylist()], pa.string())
    if replacement is not None and wanted == pa.string():
        array = _replaced(array.cast(pa.binary()), replacement)
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC")).cast(
            pa.timestamp(array.type.unit), safe=False
        )
    if array.type != wanted:
        array = array.cast(wanted, safe=not pa.types.is_timestamp(array.type))
    return array


def _json(value: Any, kind: pa.DataType) -> str | None:
    """A value as the JSON of a SUPER: maps and structures are objects, a text is a string."""
    if value is None:
        return None
    return json.dumps(_plain(value, kind), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {str(key): _plain(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {field.name: _plain(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_plain(item, kind.value_type) for item in value]
    if pa.types.is_decimal(kind):
        return float(value)
    return value if isinstance(value, bool | int | float) else str(value)


def _replaced(array: pa.Array, replacement: str) -> pa.Array:
    """Bytes as text: each byte that is no UTF-8 becomes the replacement (ACCEPTINVCHARS)."""
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        values = (
            None if raw is None else raw.decode(errors="surrogateescape")
            for raw in array.to_pylist()
        )
        return pa.array(
            [None if text is None else SURROGATE.sub(replacement, text) for text in values],
            pa.string(),
        )


def _check_values(array: pa.Array, column: Column, item: S3Object, row_offset: int) -> None:
    """Raise FileError for a value longer than the column, or NULL in a NOT NULL column."""
    if column.not_null and array.null_count:
        line = row_offset + pc.index(pc.is_null(array), True).as_py() + 1
        raise FileError(
            15007,
            f"Cannot load NULL value into NOT NULL column '{column.name}', row {line}. "
            f"File name: {_file_name(item)}",
            item,
            column,
            "",
            line,
        )
    if column.length is None or not len(array):
        return
    lengths = pc.binary_length(array)
    longest = pc.max(lengths).as_py()
    if longest is not None and longest > column.length:
        at = pc.index(pc.greater(lengths, column.length), True).as_py()
        value = array[at].as_py()
        raise FileError(
            15007,
            f"The length of the data column {column.name} is longer than the length defined in "
            f"the table. Table: {column.length}, Data: {len(value.encode())}, "
            f"row {row_offset + at + 1}, value '{value[:100]}', File name: {_file_name(item)}",
            item,
            column,
            value[:1024],
            row_offset + at + 1,
        )


def batches(
    s3: Any,
    items: list[S3Object],
    columns: tuple[Column, ...],
    statement: CopyStatement,
    scanned: Counter[str],
) -> Iterator[pa.RecordBatch]:
    """The files' rows, counted by file; raises FileError for what does not fit."""
    for item in items:
        with open_object(s3, item) as source:
            try:
                for batch in _rows(source, columns, item, statement):
                    scanned[item.url] += batch.num_rows
                    yield batch
            except (pa.ArrowException, OSError) as error:
                raise FileError(
                    15001, f"File '{_file_name(item)}' cannot be read as Parquet: {error}", item
                ) from error


def _rows(
    source: io.BufferedIOBase,
    columns: tuple[Column, ...],
    item: S3Object,
    statement: CopyStatement,
) -> Iterator[pa.RecordBatch]:
    """A file's rows, checked and in the types that encode to the columns'."""
    # Column chunk by column chunk, in one thread: less memory, and PostgreSQL keeps its processor.
    file = pq.ParquetFile(source, pre_buffer=False)
    schema = schema_of(columns)
    given = columns
    if statement.fill_record:
        given = columns[: len(file.schema_arrow)]
    check_schema(file.schema_arrow, given, item, statement.serialize_to_json)
    row = 0
    for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
        arrays = []
        for array, column in zip(batch.columns, given, strict=True):
            converted = _convert(array, column, statement.replacement)
            _check_values(converted, column, item, row)
            arrays.append(converted)
        for column in columns[len(given) :]:
            filled = pa.nulls(batch.num_rows, schema.field(column.name).type)
            _check_values(filled, column, item, row)
            arrays.append(filled)
        row += batch.num_rows
        yield pa.record_batch(arrays, schema=schema)
