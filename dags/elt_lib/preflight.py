"""Checking Parquet footers against the contract and the table before COPY is sent.

COPY from Parquet is positional and stops at the first error with a text about a file, so what can
be known from the footers is said here first (Database Developer Guide, "COPY from columnar data
formats").
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from elt_lib.contract import Feed
from elt_lib.redshift_types import RedshiftType

TAIL = 256 * 1024
"""Bytes read from a file's end at first; a footer is seldom larger."""

ReadFrom = Callable[[str, int], bytes]
"""(url, offset) -> the object's bytes from there to its end."""


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
    rows: int
    columns: tuple[tuple[str, pa.DataType], ...]


def read_footer(url: str, size: int, read_from: ReadFrom) -> Footer:
    """Read the footer of a file of ``size`` bytes in one or two requests.

    Raises PreflightError if the file has another size or no footer.
    """
    start = max(size - TAIL, 0)
    tail = read_from(url, start)
    if len(tail) != size - start:
        raise PreflightError(
            f"{url} doesn't have the {size} bytes that the manifest says: it was written again. "
            "Clear the preprocess task."
        )
    if tail[-4:] != b"PAR1":
        raise PreflightError(f"{url} is no Parquet file: it ends with {tail[-4:]!r}, not b'PAR1'")
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length > len(tail):
        tail = read_from(url, max(size - length, 0))
    try:
        metadata = pq.read_metadata(io.BytesIO(tail))
    except (pa.ArrowInvalid, OSError) as error:
        raise PreflightError(f"{url} has a broken Parquet footer: {error}") from error
    schema = metadata.schema.to_arrow_schema()
    return Footer(url, metadata.num_rows, tuple((f.name, f.type) for f in schema))


def check(feed: Feed, table: dict[str, RedshiftType], footers: Sequence[Footer]) -> int:
    """Compare every footer with the contract's columns and the table's types.

    Returns the rows of all files. Raises PreflightError that names file, column and both types.
    """
    expected = [(column.name, column.type) for column in feed.table_columns]
    problems: list[str] = []
    for footer in footers:
        names = [name for name, _ in footer.columns]
        wanted = [name for name, _ in expected]
        if names != wanted:
            problems.append(f"{footer.url}: {_name_difference(names, wanted)}")
            continue
        for (name, actual), (_, declared) in zip(footer.columns, expected, strict=True):
            if not fits(actual, declared):
                problems.append(
                    f"{footer.url}: column {name} is {actual} in the file, "
                    f"{table.get(name, declared)} in the table"
                )
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise PreflightError(
            f"the files of {feed.id} don't fit {feed.table}; nothing was loaded:\n{lines}\n"
            "They were written with another contract: clear the preprocess task and run it again."
        )
    return sum(footer.rows for footer in footers)


def fits(actual: pa.DataType, declared: RedshiftType) -> bool:
    """Whether COPY takes a Parquet column of type ``actual`` into a column declared so."""
    if declared.name in {"varchar", "char"}:
        return bool(pa.types.is_string(actual) or pa.types.is_large_string(actual))
    if declared.name == "numeric":
        return bool(
            pa.types.is_decimal(actual) and (actual.precision, actual.scale) == declared.parameters
        )
    if declared.name == "timestamp":
        return bool(pa.types.is_timestamp(actual))
    return bool(actual == ARROW_TYPES[declared.name])


def _name_difference(actual: Sequence[str], wanted: Sequence[str]) -> str:
    missing = [name for name in wanted if name not in actual]
    extra = [name for name in actual if name not in wanted]
    if missing or extra:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(extra)} too many"] if extra else []
        return " and ".join(parts)
    first = next(i for i, pair in enumerate(zip(actual, wanted, strict=True)) if pair[0] != pair[1])
    return f"column {first + 1} is {actual[first]}, but must be {wanted[first]}"
