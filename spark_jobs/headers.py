"""File headers: which field of a file is which column, and which files can be read together."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from spark_jobs.errors import BatchError
from spark_jobs.feed import ExtraColumns, Feed, FileFormat
from spark_jobs.storage import Storage, StoredFile

HEAD_BYTES = 64 * 1024
_BOM = "\ufeff"
_UNREADABLE = "\ufffd"


@dataclass(frozen=True)
class Header:
    """The header of one file: its text as Spark reads the line, and its names without blanks."""

    file: StoredFile
    text: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Files with the same header; `positions` maps a column's name to its field, from 0."""

    files: tuple[StoredFile, ...]
    names: tuple[str, ...]
    header_texts: tuple[str, ...]
    positions: Mapping[str, int]


def find_families(storage: Storage, feed: Feed, files: Iterable[StoredFile]) -> list[Family]:
    """Read the header of each file and group the files; raise `BatchError` for one that is off."""
    if not feed.files.header:
        names = tuple(column.name for column in feed.columns)
        return [Family(tuple(files), names, (), {name: at for at, name in enumerate(names)})]
    # Opening a file on S3 takes tens of milliseconds: many files are opened side by side.
    with ThreadPoolExecutor(max_workers=16) as pool:
        headers = list(pool.map(lambda file: _read_header(storage, feed, file), files))
    return group_headers(feed, headers)


def group_headers(feed: Feed, headers: Iterable[Header]) -> list[Family]:
    """Group headers with the same names, in order, and match their names with the columns."""
    groups: dict[tuple[str, ...], list[Header]] = defaultdict(list)
    for header in headers:
        groups[header.names].append(header)
    return [
        Family(
            files=tuple(header.file for header in group),
            names=names,
            header_texts=tuple(sorted({header.text for header in group})),
            positions=match_columns(feed, names, group[0].file.url),
        )
        for names, group in groups.items()
    ]


def match_columns(feed: Feed, names: tuple[str, ...], file: str) -> dict[str, int]:
    """Return the field of each column; raise `BatchError` naming file, column and the remedy."""
    owners = {name: column.name for column in feed.columns for name in column.names}
    positions: dict[str, int] = {}
    extra: list[str] = []
    for at, name in enumerate(names):
        owner = owners.get(name)
        if owner is None:
            extra.append(name)
        elif owner in positions:
            raise BatchError(
                f"{file}: fields {positions[owner] + 1} ({names[positions[owner]]!r}) and "
                f"{at + 1} ({name!r}) both are column {owner!r} of {feed}; "
                "remove one of the two names from its aliases in the contract"
            )
        else:
            positions[owner] = at
    lacking = [c.name for c in feed.columns if c.name not in positions and not c.optional]
    unclaimed = f"; header names that no column claims: {_listed(extra)}" if extra else ""
    if lacking:
        raise BatchError(
            f"{file} has no field for {_columns(lacking)} of {feed}{unclaimed}. "
            "In the contract, add the file's name for it to the column's `aliases`, "
            "or write `optional: true` if files may come without it"
        )
    if extra and feed.extra_columns is ExtraColumns.FAIL:
        raise BatchError(
            f"{file} has header names that no column of {feed} claims: {_listed(extra)}. "
            "In the contract, add a column or an alias for each, "
            "or write `extra_columns: ignore` to leave them out"
        )
    return positions


def parse_header(
    file: str, head: bytes, files: FileFormat, *, whole: bool
) -> tuple[str, tuple[str, ...]]:
    """Return the header's text and names; `whole` says that `head` is all of the file."""
    text = head.decode(files.charset, errors="replace").removeprefix(_BOM)
    line = next((line for line in _lines(text) if line.strip(" ")), None)
    if line is None:
        raise BatchError(f"{file} is empty, it has no header line: remove it or upload it again")
    if _UNREADABLE in line:
        raise BatchError(
            f"{file}: its header is not {files.encoding} text; "
            "upload the file again, or write its `encoding` in the contract"
        )
    if line == text and not whole:
        raise BatchError(f"{file}: no line ends in its first {len(head)} bytes; is it a CSV file?")
    return line, _split(file, text if files.multiline else line, files)


def _read_header(storage: Storage, feed: Feed, file: StoredFile) -> Header:
    head = storage.read_head(file.url, HEAD_BYTES)
    text, names = parse_header(file.url, head, feed.files, whole=len(head) < HEAD_BYTES)
    return Header(file, text, names)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _split(file: str, text: str, files: FileFormat) -> tuple[str, ...]:
    doubled = files.escape == files.quote
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=files.delimiter,
        quotechar=files.quote or None,
        quoting=csv.QUOTE_MINIMAL if files.quote else csv.QUOTE_NONE,
        doublequote=doubled,
        escapechar=None if doubled else files.escape or None,
        strict=True,
    )
    try:
        names = next((row for row in reader if row), [])
    except csv.Error as error:
        raise BatchError(
            f"{file}: its header cannot be read ({error}); check `delimiter` and `quote` in the "
            "contract, and write `multiline: true` if names hold line ends"
        ) from error
    return tuple(name.strip() for name in names)


def _columns(names: list[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + _listed(names)


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
