"""File headers: which field of a file is which column, and which files can be read together."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from spark_jobs.csv_text import QuoteError, split_record
from spark_jobs.errors import BatchError
from spark_jobs.feed import ExtraColumns, Feed, FileFormat, Format
from spark_jobs.flaws import UNREADABLE
from spark_jobs.json_text import plain_shape
from spark_jobs.raw_files import FileError, Findings, check_head, format_of
from spark_jobs.storage import Storage, StoredFile

HEAD_BYTES = 64 * 1024
_BOM = "\ufeff"


@dataclass(frozen=True)
class Header:
    """The header of one file: its text as Spark reads the line, and its names without blanks.

    Of a Parquet file the text is its schema as Spark's JSON; of JSON lines it is how plain ones are
    written (see `json_text`), and there are no names.
    """

    file: StoredFile
    text: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Files with the same header; `positions` maps a column's name to its field, from 0.

    `extra` are the fields that no column claims, by position.
    """

    files: tuple[StoredFile, ...]
    names: tuple[str, ...]
    header_texts: tuple[str, ...]
    positions: Mapping[str, int]
    extra: Mapping[int, str] = field(default_factory=dict)
    format: Format = Format.CSV


def find_families(
    storage: Storage, feed: Feed, files: Iterable[StoredFile], findings: Findings
) -> list[Family]:
    """Look at the head of each file and group the files; one that is off goes to `findings`."""
    groups: dict[Format, list[StoredFile]] = {form: [] for form in feed.files.formats}
    for file in files:
        form = findings.guard([file], partial(format_of, file, feed))
        if form is not None:
            groups[form].append(file)
    _check_one_format(feed, groups)
    found = (_find_families(storage, feed.of(form), groups[form], findings) for form in groups)
    return [family for families in found for family in families]


def _check_one_format(feed: Feed, groups: Mapping[Format, list[StoredFile]]) -> None:
    """Raise `BatchError` where a batch has files of several formats and the feed forbids it."""
    first = [files[0].name for files in groups.values() if files]
    if feed.files.one_format and len(first) > 1:
        raise BatchError(
            f"{' and '.join(first)}: one batch has files of several formats, and the contract of "
            f"{feed} says `files.one_format`, because the same records may be in each. Take the "
            "files of all formats but one out of the batch, and run it again"
        )


def by_format(feed: Feed, families: Iterable[Family]) -> list[tuple[Feed, list[Family]]]:
    """Return the families of each format, with the feed as their files are read."""
    groups: dict[Format, list[Family]] = defaultdict(list)
    for family in families:
        groups[family.format].append(family)
    return [(feed.of(form), group) for form, group in groups.items()]


def _find_families(
    storage: Storage, feed: Feed, files: Iterable[StoredFile], findings: Findings
) -> list[Family]:
    form = feed.files.format
    read = partial(_READERS[form], storage, feed)
    # Opening a file on S3 takes tens of milliseconds: many files are opened side by side.
    with ThreadPoolExecutor(max_workers=16) as pool:
        looks = pool.map(lambda f: findings.guard([f], lambda: read(f)), files)
        headers = [header for header in looks if header is not None]
    if form is Format.JSONL:
        shapes = Counter(header.text for header in headers).most_common(1)
        every = tuple(header.file for header in headers)
        return [Family(every, (), (shape,), {}, {}, form) for shape, _ in shapes]
    return group_headers(feed, headers, findings)


def group_headers(feed: Feed, headers: Iterable[Header], findings: Findings) -> list[Family]:
    """Group headers with the same names, in order, and match their names with the columns."""
    form = feed.files.format
    groups: dict[tuple[str, ...], list[Header]] = defaultdict(list)
    for header in headers:
        # Parquet files go together only when their types are the same too.
        typed = (header.text,) if form is Format.PARQUET else ()
        groups[header.names + typed].append(header)
    families = []
    for group in groups.values():
        files, names = tuple(header.file for header in group), group[0].names
        positions = findings.guard(files, partial(match_columns, feed, names, files[0].name))
        if positions is not None:
            texts = tuple(sorted({header.text for header in group}))
            claimed = set(positions.values())
            extra = {at: name for at, name in enumerate(names) if at not in claimed}
            families.append(Family(files, names, texts, positions, extra, form))
    return families


def match_columns(feed: Feed, names: tuple[str, ...], file: str) -> dict[str, int]:
    """Return the field of each column; raise `FileError` naming file, column and the remedy."""
    owners = feed.owners()
    positions: dict[str, int] = {}
    extra: list[str] = []
    for at, name in enumerate(names):
        owner = owners.get(feed.key(name))
        if owner is None:
            extra.append(name)
        elif owner in positions:
            raise FileError(
                f"{file}: fields {positions[owner] + 1} ({names[positions[owner]]!r}) and "
                f"{at + 1} ({name!r}) both are column {owner!r} of {feed}; "
                "remove one of the two names from its aliases in the contract"
            )
        else:
            positions[owner] = at
    lacking = [c.name for c in feed.named_columns if c.name not in positions and not c.optional]
    unclaimed = f"; header names that no column claims: {_listed(extra)}" if extra else ""
    if lacking and len(names) == 1 and feed.files.format is Format.CSV:
        raise FileError(
            f"{file} has one field in its first line, {_listed(extra)}, and none for "
            f"{_columns(lacking)} of {feed}. If the line holds several fields, correct "
            f"`files.delimiter` (now {feed.files.delimiter!r}) in the contract; if it holds values "
            "and no names, write `header: false` as well"
        )
    if lacking:
        raise FileError(
            f"{file} has no field for {_columns(lacking)} of {feed}{unclaimed}. "
            "In the contract, add the file's name for it to the column's `aliases`, "
            "or write `optional: true` if files may come without it"
        )
    if extra and feed.extra_columns is ExtraColumns.FAIL:
        raise FileError(
            f"{file} has header names that no column of {feed} claims: {_listed(extra)}. "
            "In the contract, add a column or an alias for each, "
            "or write `extra_columns: ignore` to leave them out, or `capture` to keep them"
        )
    return positions


def parse_header(
    file: str, head: bytes, files: FileFormat, *, whole: bool
) -> tuple[str, tuple[str, ...]]:
    """Return the header's text and names; `whole` says that `head` is all of the file."""
    text = head.decode(files.charset, errors="replace").removeprefix(_BOM)
    line = next((line for line in _lines(text) if line.strip(" ")), None)
    if line is None:
        raise FileError(f"{file} is empty, it has no header line: remove it or upload it again")
    if UNREADABLE in line:
        raise FileError(
            f"{file}: its header is not {files.encoding} text; "
            "upload the file again, or write its `encoding` in the contract"
        )
    if line == text and not whole:
        raise FileError(f"{file}: no line ends in its first {len(head)} bytes; is it a CSV file?")
    try:
        names = split_record(text[text.index(line) :] if files.multiline else line, files)
    except QuoteError as error:
        raise FileError(
            f"{file}: its header cannot be read ({error}); check `delimiter` and `quote` in the "
            "contract, and write `multiline: true` if names hold line ends"
        ) from error
    return line, tuple(name.strip() for name in names)


def _read_csv(storage: Storage, feed: Feed, file: StoredFile) -> Header:
    head = _read_text(storage, feed, file)
    if not feed.files.header:
        names = tuple(column.name for column in feed.named_columns)
        return Header(file, "", names)
    text, names = parse_header(file.name, head, feed.files, whole=len(head) < HEAD_BYTES)
    return Header(file, text, names)


def _read_json(storage: Storage, feed: Feed, file: StoredFile) -> Header:
    head = _read_text(storage, feed, file).decode(feed.files.charset, errors="replace")
    start = head.removeprefix(_BOM).lstrip()
    if start and not start.startswith("{"):
        raise FileError(
            f"{file.name} does not begin with a JSON object: it must hold one object per line; "
            "correct `files.format` in the contract, or the file"
        )
    return Header(file, plain_shape(_lines(start)), ())


def _read_parquet(storage: Storage, feed: Feed, file: StoredFile) -> Header:
    if file.size == 0:
        raise FileError(f"{file.name} is empty (0 bytes): remove it or upload it again")
    try:
        schema = storage.parquet_schema(file.url)
    except OSError as error:
        raise FileError(f"{file.name} is no Parquet file of {feed}: {error}") from error
    return Header(file, schema, tuple(each["name"] for each in json.loads(schema)["fields"]))


def _read_text(storage: Storage, feed: Feed, file: StoredFile) -> bytes:
    try:
        head = storage.read_head(file.url, HEAD_BYTES)
    except OSError as error:
        raise FileError(f"{file.name} cannot be unpacked ({error}); upload it again") from error
    check_head(file, head, feed)
    return head


_READERS: Mapping[Format, Callable[[Storage, Feed, StoredFile], Header]] = {
    Format.CSV: _read_csv,
    Format.JSONL: _read_json,
    Format.PARQUET: _read_parquet,
}


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _columns(names: list[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + _listed(names)


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
