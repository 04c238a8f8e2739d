"""Rows as files: delimited text, CSV, fixed width, JSON and Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.local.redshift.commands.parameters import Compression
from infra.local.redshift.commands.unload_files import Destination, Upload
from infra.local.redshift.commands.unload_source import OutColumn, Row
from infra.local.redshift.commands.unload_statement import UnloadFormat, UnloadStatement
from infra.local.redshift.errors import GatewayError

_CODECS = {Compression.GZIP: "gzip", Compression.BZIP2: "bz2", Compression.ZSTD: "zstd"}
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_ARROW = {
    "boolean": pa.bool_(),
    "bigint": pa.int64(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
}


class Writer(Protocol):
    """Takes rows and writes them to files of bounded size."""

    def write(self, rows: list[Row]) -> None:
        """Take rows."""

    def finish(self) -> None:
        """Complete the open file."""

    def abort(self) -> None:
        """Drop the open file."""


def writer(
    destination: Destination, columns: list[OutColumn], statement: UnloadStatement
) -> Writer:
    """The writer for a statement's format."""
    if statement.format is UnloadFormat.PARQUET:
        return ParquetWriter(destination, columns, statement)
    return TextWriter(destination, columns, statement)


class TextWriter:
    """Every format whose files are lines."""

    def __init__(
        self, destination: Destination, columns: list[OutColumn], statement: UnloadStatement
    ) -> None:
        self._destination, self._statement = destination, statement
        self._line = _formatter(columns, statement)
        names: Row = [column.name for column in columns]
        header = _formatter([OutColumn(c.name, "character varying") for c in columns], statement)
        self._header = header(names).encode() if statement.header else b""
        self._upload: Upload | None = None
        self._out: Any = None
        self._rows = self._pending = 0

    def write(self, rows: list[Row]) -> None:
        """Append lines, in a new file when one is full."""
        lines = [self._line(row).encode() for row in rows]
        if self._fits(sum(map(len, lines))):
            self._append(lines)
            return
        for line in lines:
            if not self._fits(len(line)):
                self.finish()
            self._append([line])

    def _fits(self, size: int) -> bool:
        """Whether so many bytes more stay below MAXFILESIZE; what is compressed is estimated."""
        written = self._upload.size if self._upload is not None else 0
        if self._statement.compression is None:
            return written + size <= self._statement.max_file_size
        return written + self._pending // 2 + size // 2 <= self._statement.max_file_size

    def _append(self, lines: list[bytes]) -> None:
        if self._upload is None:
            self._upload = self._destination.open()
            self._out = self._upload
            if self._statement.compression is not None:
                self._out = pa.CompressedOutputStream(
                    pa.PythonFile(self._upload, "w"), _CODECS[self._statement.compression]
                )
            self._rows = 0
            self._out.write(self._header)
        data, before = b"".join(lines), self._upload.size
        self._out.write(data)
        self._rows += len(lines)
        # Bytes that the compressor holds back.
        self._pending = 0 if self._upload.size > before else self._pending + len(data)

    def finish(self) -> None:
        """Complete the file (an empty one when there was no row)."""
        if self._upload is None:
            if self._destination.written or self._statement.partition_by:
                return
            self._append([])
        upload, self._upload = self._upload, None
        assert upload is not None  # noqa: S101 for the type checker
        self._out.close()
        upload.close()
        self._destination.done(self._rows, upload.size)
        self._pending = 0

    def abort(self) -> None:
        """Drop the file."""
        if self._upload is not None:
            self._upload.abort()


def _formatter(columns: Sequence[OutColumn], statement: UnloadStatement) -> Callable[[Row], str]:
    """What makes a line of a row."""
    if statement.format is UnloadFormat.JSON:
        return _json(columns)
    if statement.format is UnloadFormat.FIXEDWIDTH:
        return _fixed(columns, statement)
    delimiter, null = statement.delimiter, statement.null_as or ""
    if statement.format is UnloadFormat.CSV:
        special = (delimiter, '"', "\n", "\r")

        def csv(value: str | None) -> str:
            if value is None:
                return null
            if any(mark in value for mark in special):
                return '"' + value.replace('"', '""') + '"'
            return value

        return lambda row: delimiter.join(map(csv, row)) + "\n"
    escaped = "\\\n\r" + delimiter + ("\"'" if statement.add_quotes else "")
    table = str.maketrans({c: "\\" + c for c in escaped})
    texts = [statement.escape and (column.is_text or column.type == "super") for column in columns]
    quote = '"' if statement.add_quotes else ""

    def delimited(row: Row) -> str:
        parts = [
            null if value is None else f"{quote}{value.translate(table) if text else value}{quote}"
            for value, text in zip(row, texts, strict=True)
        ]
        return delimiter.join(parts) + "\n"

    return delimited


def _json(columns: Sequence[OutColumn]) -> Callable[[Row], str]:
    """One object per line; numbers and SUPER as they are, everything else as strings."""
    names = [json.dumps(column.name, ensure_ascii=False) for column in columns]
    if len(set(names)) < len(names):
        raise GatewayError(
            "0A000", "UNLOAD to JSON needs unique column names", hint="Give the columns aliases."
        )
    numbers = [column.type in _NUMBERS or column.type == "super" for column in columns]

    def one(value: str | None, number: bool) -> str:
        if value is None:
            return "null"
        if number and value not in ("NaN", "Infinity", "-Infinity"):
            return value
        return json.dumps(value, ensure_ascii=False)

    def line(row: Row) -> str:
        pairs = zip(names, row, numbers, strict=True)
        return "{" + ",".join(f"{n}:{one(v, number)}" for n, v, number in pairs) + "}\n"

    return line


def _fixed(columns: Sequence[OutColumn], statement: UnloadStatement) -> Callable[[Row], str]:
    """Fields padded with blanks; a value that is too long is an error, it is not cut."""
    widths, null = statement.widths, statement.null_as or ""
    if len(widths) != len(columns):
        raise GatewayError(
            "42601",
            f"FIXEDWIDTH has {len(widths)} column(s), the query has {len(columns)}",
        )

    def one(value: str | None, width: int, column: OutColumn) -> str:
        if value is None:
            value = null if len(null) <= width or column.is_text else ""
        if len(value) > width:
            raise GatewayError(
                "22001",
                f"The value of column {column.name} is longer than its FIXEDWIDTH {width}",
                detail=f"Value: {value[:100]}",
            )
        return value.ljust(width)

    return lambda row: "".join(map(one, row, widths, columns)) + "\n"


class ParquetWriter:
    """Parquet with SNAPPY; row groups of a size in bytes."""

    def __init__(
        self, destination: Destination, columns: list[OutColumn], statement: UnloadStatement
    ) -> None:
        self._destination, self._statement = destination, statement
        self._columns = columns
        self._schema = pa.schema([pa.field(c.name, _arrow_type(c)) for c in columns])
        self._group_size = min(statement.row_group_size, statement.max_file_size)
        self._batches: list[pa.RecordBatch] = []
        self._size = self._rows = 0
        self._upload: Upload | None = None
        self._out: pq.ParquetWriter | None = None

    def write(self, rows: list[Row]) -> None:
        """Collect rows; a row group is written when it is full."""
        values = list(zip(*rows, strict=True))
        arrays = [
            _array(column, pa.array(values[number], pa.string()), self._schema.types[number])
            for number, column in enumerate(self._columns)
        ]
        batch = pa.record_batch(arrays, schema=self._schema)
        self._batches.append(batch)
        self._size += batch.nbytes
        if self._size >= self._group_size:
            self._group()
            if self._upload is not None and self._upload.size >= self._statement.max_file_size:
                self.finish()

    def _group(self) -> None:
        """Write the collected rows as one row group."""
        if self._out is None:
            self._upload = self._destination.open()
            self._out = pq.ParquetWriter(
                pa.PythonFile(self._upload, "w"), self._schema, compression="snappy"
            )
            self._rows = 0
        table = pa.Table.from_batches(self._batches, self._schema)
        if table.num_rows:
            self._out.write_table(table, row_group_size=table.num_rows)
        self._rows += table.num_rows
        self._batches, self._size = [], 0

    def finish(self) -> None:
        """Complete the file (one without rows when there was none)."""
        if self._batches or not (
            self._out or self._destination.written or self._statement.partition_by
        ):
            self._group()
        if self._out is None or self._upload is None:
            return
        self._out.close()
        self._upload.close()
        self._destination.done(self._rows, self._upload.size)
        self._out = self._upload = None

    def abort(self) -> None:
        """Drop the file."""
        if self._upload is not None:
            self._upload.abort()


def _arrow_type(column: OutColumn) -> pa.DataType:
    if column.type == "numeric":
        return pa.decimal128(column.precision or 38, column.scale or 0)
    kind = _ARROW.get(column.type, pa.string())
    # Of a TIMESTAMPTZ only the moment is unloaded, in UTC.
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind


def _array(column: OutColumn, text: pa.Array, wanted: pa.DataType) -> pa.Array:
    """PostgreSQL's text of a column as its type."""
    if column.type == "boolean":
        return pc.equal(text, "t")
    if column.type == "timestamp with time zone":
        return text.cast(_ARROW[column.type]).cast(wanted)
    return text if wanted == pa.string() else text.cast(wanted)
