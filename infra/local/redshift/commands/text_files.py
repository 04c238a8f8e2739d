"""Text and JSON files as batches of typed rows; rows that do not fit are rejected one by one."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from infra.local.redshift.commands import json_records as js
from infra.local.redshift.commands.copy_statement import CopyStatement, Format
from infra.local.redshift.commands.encoding import arrow_type, schema
from infra.local.redshift.commands.load_errors import Code, Fault, RejectedRow, Rejects
from infra.local.redshift.commands.records import Field, Record, records
from infra.local.redshift.commands.s3 import S3Object
from infra.local.redshift.commands.target import Column
from infra.local.redshift.commands.text_source import lines, texts
from infra.local.redshift.commands.values import Converter
from infra.local.redshift.errors import NOT_SUPPORTED, GatewayError

# Rows and characters of one batch.
_ROWS, _CHARACTERS = 16_384, 4 * 1024 * 1024
# The length of raw_line and raw_field_value in stl_load_errors.
_SHOWN = 1024
# raw_line shows a period for what is no ASCII (and NUL is no text for PostgreSQL).
_NOT_ASCII = re.compile(r"[^\x01-\x7f]")


def batches(
    s3: Any,
    items: list[S3Object],
    columns: tuple[Column, ...],
    statement: CopyStatement,
    rejects: Rejects,
    scanned: Counter[str],
) -> Iterator[pa.RecordBatch]:
    """The files' rows, counted by file; raises LoadFailed when too many are rejected."""
    for column in columns:
        if arrow_type(column) is None:
            raise GatewayError(
                NOT_SUPPORTED,
                f"COPY into column {column.name} of type {column.redshift_type} is not supported "
                "by the local Redshift gateway",
            )
    if statement.json == "noshred" and [column.type for column in columns] != ["super"]:
        raise GatewayError(
            NOT_SUPPORTED, "JSON 'noshred' loads exactly one column, of the type SUPER"
        )
    table = _Table(columns, statement, rejects)
    paths = None
    if statement.format is Format.JSON and statement.json.startswith("s3://"):
        paths = js.json_paths(s3, statement.json, columns)
    for item in items:
        if statement.format is Format.JSON:
            read = js.row_reader(statement, columns, paths)
            rows = js.json_records(texts(s3, item, statement), statement.ignore_header, read)
        else:
            rows = records(lines(s3, item, statement), statement)
        try:
            for block in _blocks(rows):
                scanned[item.url] += len(block)
                batch = table.batch(item, block)
                if batch.num_rows:
                    yield batch
        except Fault as fault:  # of the whole file
            rejects.add(RejectedRow(item.url, 0, fault.code, fault.reason))


def _blocks(rows: Iterator[Record]) -> Iterator[list[Record]]:
    """The rows in lists of bounded size."""
    while True:
        size, block = 0, []
        for row in itertools.islice(rows, _ROWS):
            block.append(row)
            size += len(row.raw)
            if size > _CHARACTERS:
                break
        if not block:
            return
        yield block


class _Table:
    """What turns records into batches for one table."""

    def __init__(
        self, columns: tuple[Column, ...], statement: CopyStatement, rejects: Rejects
    ) -> None:
        self._columns, self._statement, self._rejects = columns, statement, rejects
        self._converters = [Converter(column, statement) for column in columns]
        self._schema = schema(columns)

    def batch(self, item: S3Object, block: list[Record]) -> pa.RecordBatch:
        """The rows of a block that fit; the others go to the rejects in the order of the file."""
        for record in block:
            if record.fault is None and len(record.fields) != len(self._columns):
                record.fault = self._count_fault(record)
        good = [record for record in block if record.fault is None]
        arrays, faulty = self._convert(good)
        if len(good) < len(block) or faulty:
            self._reject(item, block, faulty)
        batch = pa.record_batch(arrays, schema=self._schema)
        if faulty:
            batch = batch.filter(pa.array([row not in faulty for row in range(len(good))]))
        return batch

    def _convert(self, good: list[Record]) -> tuple[list[pa.Array], dict[int, tuple[int, Fault]]]:
        """The columns' arrays and, by row, the first column with a fault."""
        faulty: dict[int, tuple[int, Fault]] = {}
        arrays: list[pa.Array] = []
        values: Any = list(zip(*(record.fields for record in good), strict=True)) or [
            () for _ in self._columns
        ]
        for number, converter in enumerate(self._converters):
            array, faults = converter.convert(values[number])
            arrays.append(array)
            for row, fault in faults.items():
                faulty.setdefault(row, (number, fault))
        return arrays, faulty

    def _count_fault(self, record: Record) -> Fault | None:
        """Too many or too few fields: filled, forgiven or a fault."""
        statement, fields = self._statement, record.fields
        missing = len(self._columns) - len(fields)
        if missing < 0:
            if statement.format is Format.TEXT and missing == -1 and fields[-1] == "":
                fields.pop()  # a delimiter may end the line
                return None
            return Fault(Code.EXTRA_COLUMNS, "Extra column(s) found")
        if statement.fill_record and fields:
            fields.extend(self._filler(column) for column in self._columns[-missing:])
            return None
        return Fault(Code.DELIMITER, "Delimiter not found")

    def _filler(self, column: Column) -> Field:
        """FILLRECORD: '' for VARCHAR, else NULL."""
        return "" if column.type == "varchar" else None

    def _reject(
        self,
        item: S3Object,
        block: list[Record],
        faulty: dict[int, tuple[int, Fault]],
    ) -> None:
        row = 0
        for record in block:
            if record.fault is not None:
                self._rejects.add(_rejected(item, record, record.fault))
                continue
            if row in faulty:
                number, fault = faulty[row]
                shown = [(record.fields[i] or "")[:_SHOWN] for i in range(number + 1)]
                values = tuple(zip(self._columns, map(_readable, shown), strict=False))
                self._rejects.add(
                    _rejected(item, record, fault, self._columns[number], shown[-1], values)
                )
            row += 1


def _rejected(
    item: S3Object,
    record: Record,
    fault: Fault,
    column: Column | None = None,
    value: str = "",
    values: tuple[tuple[Column, str], ...] = (),
) -> RejectedRow:
    return RejectedRow(
        item.url,
        record.line,
        fault.code,
        fault.reason,
        _NOT_ASCII.sub(".", record.raw[:_SHOWN]),
        _readable(value),
        column,
        fault.position,
        values,
    )


def _readable(text: str) -> str:
    """Text that PostgreSQL takes: no lone surrogates, no NUL."""
    return text.encode(errors="replace").decode().replace("\0", "?")
