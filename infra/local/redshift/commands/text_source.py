"""Files of text from S3: decompressed, decoded, in pieces."""

from __future__ import annotations

import bz2
import codecs
import zlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.load_errors import Code, Fault
from infra.local.redshift.commands.parameters import Compression
from infra.local.redshift.commands.s3 import S3Object, open_object
from infra.local.redshift.errors import GatewayError

# Bytes read at a time, before decompression.
_PIECE = 1024 * 1024
# Characters of one line, as in Redshift's limit on a row (4 MB).
MAX_LINE = 4 * 1024 * 1024


def pieces(s3: Any, item: S3Object, compression: Compression | None) -> Iterator[bytes]:
    """A file's bytes, decompressed; raises GatewayError when they are not so compressed."""
    with open_object(s3, item) as source:
        try:
            if compression is Compression.ZSTD:
                with pa.CompressedInputStream(pa.PythonFile(source, "r"), "zstd") as inflated:
                    while data := inflated.read(_PIECE):
                        yield data
            elif compression is None:
                while data := source.read(_PIECE):
                    yield data
            else:
                yield from _inflated(source, compression)
        except (zlib.error, OSError, EOFError, pa.ArrowException) as error:
            name = compression.name if compression else "plain"
            raise GatewayError(
                "XX000",
                f"The file {item.url} cannot be read as {name}",
                detail=str(error),
                hint="Check that the file is whole and the compression that COPY names.",
            ) from error


def _inflated(source: Any, compression: Compression) -> Iterator[bytes]:
    """GZIP and BZIP2, several members in a file too."""

    def member() -> Any:
        return zlib.decompressobj(wbits=31) if gzip else bz2.BZ2Decompressor()

    gzip = compression is Compression.GZIP
    inflate, begun = member(), False
    while data := source.read(_PIECE):
        while data:
            begun = True
            yield inflate.decompress(data)
            data = inflate.unused_data
            if inflate.eof:
                inflate, begun = member(), False
            elif not data:
                break
    if begun:
        raise EOFError("the compressed data ends early")


def texts(s3: Any, item: S3Object, statement: CopyStatement) -> Iterator[str]:
    """A file's text; bytes that are no UTF-8 come as lone surrogates. Raises Fault (encoding)."""
    errors = "surrogateescape" if statement.encoding == "utf-8" else "strict"
    decoder = codecs.getincrementaldecoder(statement.encoding)(errors)
    first = True
    try:
        for data in pieces(s3, item, statement.compression):
            text = decoder.decode(data)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            yield text
        yield decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise Fault(
            Code.ENCODING, "The encoding of the file is not the one that COPY names"
        ) from error


def lines(s3: Any, item: S3Object, statement: CopyStatement) -> Iterator[tuple[int, str]]:
    """A file's lines after its header, numbered from 1, without their ends."""
    number, carry, skip = 0, "", statement.ignore_header
    for text in texts(s3, item, statement):
        parts = (carry + text).split("\n")
        carry = parts.pop()
        for part in parts:
            number += 1
            if number > skip:
                yield number, part.removesuffix("\r")
        if len(carry) > MAX_LINE:
            raise Fault(Code.LINE, f"Line {number + 1} is longer than {MAX_LINE} characters")
    if carry and number + 1 > skip:
        yield number + 1, carry.removesuffix("\r")
