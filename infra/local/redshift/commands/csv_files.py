"""CSV files as PostgreSQL's text COPY stream: PostgreSQL itself reads the CSV."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.s3 import S3Object, open_object
from infra.local.redshift.commands.target import Column
from infra.local.redshift.translate.parser import literal, quote

_PIECE = 1024 * 1024


def options(statement: CopyStatement, columns: tuple[Column, ...]) -> str:
    """The options of PostgreSQL's COPY that stand for the statement's.

    An empty field is NULL for numbers and dates and '' for text, unless EMPTYASNULL.
    """
    texts = [quote(column.name) for column in columns if column.type in ("varchar", "bpchar")]
    empty = "force_null" if statement.empty_as_null else "force_not_null"
    forced = f", {empty} ({', '.join(texts)})" if texts else ""
    return (
        f"format csv, delimiter {literal(statement.delimiter)}, "
        f"quote {literal(statement.quote)}{forced}"
    )


def encode(s3: Any, items: list[S3Object], statement: CopyStatement) -> Iterator[tuple[bytes, int]]:
    """The files' bytes without the header lines, a line end after each file."""
    for item in items:
        skip = statement.ignore_header
        last = b"\n"
        for piece in _pieces(s3, item, statement.gzip):
            data = piece
            while skip and data:
                end = data.find(b"\n")
                if end < 0:
                    data = b""
                else:
                    data, skip = data[end + 1 :], skip - 1
            if data:
                last = data[-1:]
                yield data, 0
        if last != b"\n":
            yield b"\n", 0


def _pieces(s3: Any, item: S3Object, gzip: bool) -> Iterator[bytes]:
    """A file's bytes, decompressed."""
    inflate = zlib.decompressobj(wbits=31) if gzip else None
    with open_object(s3, item) as source:
        while data := source.read(_PIECE):
            yield inflate.decompress(data) if inflate is not None else data
    if inflate is not None:
        yield inflate.flush()
