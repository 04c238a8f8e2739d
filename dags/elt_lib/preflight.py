"""Checking Parquet footers against the contract and the table before COPY is sent.

COPY from Parquet is positional and stops at the first error with a text about a file, so what can
be known from the footers is said here first (Database Developer Guide, "COPY from columnar data
formats").

A footer knows names, order, types, rows and NULLs, but not how long the longest text is: its least
and greatest value are so by the alphabet. Lengths are therefore read from the text columns
themselves, up to a budget, and left to COPY beyond it (which refuses the batch as a whole, too).
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from elt_lib.contract import Feed
from elt_lib.redshift_types import RedshiftType

TAIL = 256 * 1024
"""Bytes read from a file's end at first; a footer is seldom larger."""

LENGTHS_BUDGET = 256 * 1024 * 1024
"""Bytes of text columns that are read per batch to compare lengths: some seconds from S3."""
BUFFER = 8 * 1024 * 1024
"""Bytes per request while text columns are read, and held at a time."""
SHOWN = 40
"""Characters of a value that an error shows."""
MASKED = 3
"""The same for a column that the contract calls sensitive."""

ReadRange = Callable[[str, int, int], bytes]
"""(url, start, end) -> the object's bytes from start up to, without, end; fewer at its end."""

log = logging.getLogger(__name__)

ARROW_TYPES = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


class PreflightError(ValueError):
    """A file would load wrongly or not at all; nothing was sent to the warehouse."""


@dataclass(frozen=True)
class Footer:
    """What a Parquet file says about itself."""

    url: str
    size: int
    rows: int
    columns: tuple[tuple[str, pa.DataType], ...]
    nulls: Mapping[str, int]
    """NULLs per column, of the columns whose row groups all count them."""
    metadata: pq.FileMetaData


def read_footer(url: str, size: int, read_range: ReadRange) -> Footer:
    """Read the footer of a file of ``size`` bytes in one or two requests.

    Raises PreflightError if the file has another size or no footer.
    """
    start = max(size - TAIL, 0)
    tail = read_range(url, start, size + 1)  # one byte more than there may be
    if len(tail) != size - start:
        raise PreflightError(
            f"{url} doesn't have the {size} bytes that the manifest says: it was written again. "
            "Clear the preprocess task."
        )
    if tail[-4:] != b"PAR1":
        raise PreflightError(f"{url} is no Parquet file: it ends with {tail[-4:]!r}, not b'PAR1'")
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length > len(tail):
        tail = read_range(url, max(size - length, 0), size)
    try:
        metadata = pq.read_metadata(io.BytesIO(tail))
    except (pa.ArrowInvalid, OSError) as error:
        raise PreflightError(f"{url} has a broken Parquet footer: {error}") from error
    schema = metadata.schema.to_arrow_schema()
    columns = tuple((f.name, f.type) for f in schema)
    return Footer(url, size, metadata.num_rows, columns, _nulls(metadata), metadata)


def check(feed: Feed, table: Mapping[str, RedshiftType], footers: Sequence[Footer]) -> int:
    """Compare every footer with the contract's columns and the table's types.

    Returns the rows of all files. Raises PreflightError that names file, column and both types.
    """
    expected = [(column.name, column.type) for column in feed.table_columns]
    required = [column.name for column in feed.table_columns if column.required]
    problems: list[str] = []
    for footer in footers:
        names = [name for name, _ in footer.columns]
        wanted = [name for name, _ in expected]
        if names != wanted:
            problems.append(f"{footer.url}: {_difference(footer.columns, wanted, table)}")
            continue
        for (name, actual), (_, declared) in zip(footer.columns, expected, strict=True):
            if not fits(actual, declared):
                problems.append(
                    f"{footer.url}: column {name} is {actual} in the file, "
                    f"{table.get(name, declared)} in the table"
                )
        problems += [
            f"{footer.url}: column {name} is NULL in {footer.nulls[name]} rows of the file, "
            f"{table.get(name)} not null in the table"
            for name in required
            if footer.nulls.get(name)
        ]
    if problems:
        raise _unfit(feed, problems)
    return sum(footer.rows for footer in footers)


def check_lengths(
    feed: Feed,
    table: Mapping[str, RedshiftType],
    footers: Sequence[Footer],
    read_range: ReadRange,
    budget: int = LENGTHS_BUDGET,
) -> None:
    """Compare the bytes of every text with the length of its column in the table.

    Reads the text columns of the files in their order until ``budget`` bytes are read. Raises
    PreflightError that names file, row, column, value and type.
    """
    limits = {
        name: declared.parameters[0]
        for name, declared in table.items()
        if declared.name in {"varchar", "char"}
    }
    problems: list[str] = []
    for done, footer in enumerate(footers):
        texts = [name for name, _ in footer.columns if name in limits]
        budget -= sum(size for name, size in _chunk_sizes(footer.metadata) if name in texts)
        if budget < 0:
            log.info(
                "%s: the text columns of %d of %d files were compared with the table's lengths; "
                "COPY compares the others",
                feed.id,
                done,
                len(footers),
            )
            break
        problems += _too_long(footer, texts, limits, sensitive_columns(feed), read_range)
    if problems:
        raise _unfit(feed, problems)


def sensitive_columns(feed: Feed) -> frozenset[str]:
    """The columns whose values no log may show."""
    return frozenset(column.name for column in feed.columns if column.sensitive)


def _too_long(
    footer: Footer,
    texts: Sequence[str],
    limits: Mapping[str, int],
    sensitive: frozenset[str],
    read_range: ReadRange,
) -> Iterator[str]:
    """A sentence per column that has a text longer than the table takes, on the first such one."""
    remote = _Remote(footer.url, footer.size, read_range)
    # As a dictionary, a text that repeats is decoded once.
    file = pq.ParquetFile(
        remote, metadata=footer.metadata, buffer_size=BUFFER, read_dictionary=list(texts)
    )
    for name in texts:
        row = 0
        for part in file.iter_batches(columns=[name], use_threads=False):
            column = part.column(0)
            lengths = _byte_lengths(column)
            longest = pc.max(lengths).as_py()
            if longest is not None and longest > limits[name]:
                at = pc.index(lengths, longest).as_py()
                value = str(column[at].as_py())
                most = MASKED if name in sensitive else SHOWN
                shown = value if len(value) <= most else f"{value[: most - 1]}…"
                yield (
                    f"{footer.url}: column {name} is string with a value of {longest} bytes in "
                    f"the file (row {row + at + 1}: {shown!r}), {limits[name]} bytes in the table"
                )
                break
            row += len(column)


def _byte_lengths(texts: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(texts.type):
        return pc.binary_length(texts.dictionary).take(texts.indices)
    return pc.binary_length(texts)


class _Remote(io.RawIOBase):
    """A stored object as a file that can be read anywhere, by range requests."""

    def __init__(self, url: str, size: int, read_range: ReadRange) -> None:
        super().__init__()
        self._url, self._size, self._read_range, self._at = url, size, read_range, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        found = self._read_range(self._url, self._at, end)
        self._at += len(found)
        return found


def _nulls(metadata: pq.FileMetaData) -> dict[str, int]:
    nulls: dict[str, int] = {}
    unknown = set()
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(at)
            name = chunk.path_in_schema
            if chunk.statistics is None or not chunk.statistics.has_null_count:
                unknown.add(name)
            else:
                nulls[name] = nulls.get(name, 0) + chunk.statistics.null_count
    return {name: count for name, count in nulls.items() if name not in unknown}


def _chunk_sizes(metadata: pq.FileMetaData) -> Iterator[tuple[str, int]]:
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(at)
            yield chunk.path_in_schema, chunk.total_compressed_size


def _unfit(feed: Feed, problems: Sequence[str]) -> PreflightError:
    lines = "\n".join(f"  {problem}" for problem in problems)
    return PreflightError(
        f"the files of {feed.id} don't fit {feed.table}; nothing was loaded:\n{lines}\n"
        "They were written with another contract: clear the preprocess task and run it again."
    )


def fits(actual: pa.DataType, declared: RedshiftType) -> bool:
    """Whether COPY takes a Parquet column of type ``actual`` into a column declared so."""
    if declared.name in {"varchar", "char"}:
        return bool(pa.types.is_string(actual) or pa.types.is_large_string(actual))
    if declared.name == "super":
        return bool(pa.types.is_string(actual) or pa.types.is_map(actual))
    if declared.name == "numeric":
        return bool(
            pa.types.is_decimal(actual) and (actual.precision, actual.scale) == declared.parameters
        )
    if declared.name == "timestamp":
        return bool(pa.types.is_timestamp(actual))
    return bool(actual == ARROW_TYPES[declared.name])


def _difference(
    actual: Sequence[tuple[str, pa.DataType]],
    wanted: Sequence[str],
    table: Mapping[str, RedshiftType],
) -> str:
    """How a file's columns differ by name or order from the wanted ones, with both types."""
    names = [name for name, _ in actual]
    missing = [f"{name} ({table.get(name)} in the table)" for name in wanted if name not in names]
    extra = [f"{name} ({kind} in the file)" for name, kind in actual if name not in wanted]
    if missing or extra:
        parts = [f"lacks column {', '.join(missing)}"] if missing else []
        parts += [f"has column {', '.join(extra)} too many"] if extra else []
        return " and ".join(parts)
    at = next(i for i, pair in enumerate(zip(names, wanted, strict=True)) if pair[0] != pair[1])
    return (
        f"column {at + 1} is {names[at]} ({actual[at][1]} in the file), but must be {wanted[at]} "
        f"({table.get(wanted[at])} in the table)"
    )
