"""The feed specification: what the contract says about one feed's files and columns.

It arrives as base64url of UTF-8 JSON, the form in which it survives any shell and REST layer.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from spark_jobs.errors import BatchError
from spark_jobs.redshift_types import RedshiftType, parse_type

BATCH_ID = "_batch_id"
SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"
LOADER_COLUMNS = (BATCH_ID, SOURCE_FILE, LOADED_AT)


class Format(Enum):
    """What kind of file a feed has."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class ExtraColumns(Enum):
    """What happens to a name in a file that no column claims; `capture` keeps it in a column."""

    FAIL = "fail"
    IGNORE = "ignore"
    CAPTURE = "capture"


class UnreadableFiles(Enum):
    """What a file that cannot be the feed's (empty, binary, another header) does to the batch."""

    FAIL = "fail"
    REJECT = "reject"


@dataclass(frozen=True)
class FileFormat:
    """How the feed's files are written; `multiline` reads values that hold line ends.

    Records end with the line unless `multiline` is set: only then can Spark share one large file
    among tasks, and confine a stray quote to its own line. `entries` says which files of a zip
    archive are data; `loose_headers` compares names without case and blanks; with
    `trailing_delimiters`, records may end with more delimiters than the header has. A feed of
    several formats is read as `Feed.of` has it, once for each; with `one_format`, the files of a
    batch must all have the same.
    """

    formats: tuple[Format, ...] = (Format.CSV,)
    one_format: bool = False
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "UTF-8"
    header: bool = True
    null_values: tuple[str, ...] = ("",)
    multiline: bool = False
    loose_headers: bool = False
    trailing_delimiters: bool = False
    entries: str = "*"

    @property
    def format(self) -> Format:
        """Return the one format of these files; raise `ValueError` where there are several."""
        (only,) = self.formats
        return only

    @property
    def charset(self) -> str:
        """Return the encoding's name as both Python and Java know it; a BOM needs no name."""
        name = codecs.lookup(self.encoding).name
        return "utf-8" if name == "utf-8-sig" else name


@dataclass(frozen=True)
class Column:
    """One column of the contract."""

    name: str
    type: RedshiftType
    required: bool = False
    optional: bool = False
    aliases: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    thousands: str | None = None
    decimal: str | None = None
    null_values: tuple[str, ...] | None = None
    min: str | None = None
    max: str | None = None
    accepted_values: tuple[str, ...] = ()
    sensitive: bool = False
    extra: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return every header name by which a file may call this column."""
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class RejectLimit:
    """How many rejected rows a batch may have: a share of its raw rows (0..1), or a number."""

    share: float | None = 0.0
    rows: int | None = None

    def allows(self, rejected: int, raw: int) -> bool:
        """Whether a batch with so many rejected rows is still good."""
        if self.rows is not None:
            return rejected <= self.rows
        return rejected <= (self.share or 0.0) * raw

    def __str__(self) -> str:
        return f"{self.rows} rows" if self.rows is not None else f"{self.share:.2%}"


@dataclass(frozen=True)
class Feed:
    """One feed of one source, as its contract declares it."""

    source: str
    feed: str
    files: FileFormat
    columns: tuple[Column, ...]
    extra_columns: ExtraColumns = ExtraColumns.FAIL
    unreadable_files: UnreadableFiles = UnreadableFiles.FAIL
    reject_limit: RejectLimit = RejectLimit()

    @property
    def named_columns(self) -> tuple[Column, ...]:
        """Return the columns that a file's own fields fill: all but the one for extra columns."""
        return tuple(column for column in self.columns if not column.extra)

    def of(self, form: Format) -> Feed:
        """Return the feed as its files of one format are read."""
        columns = self.columns
        if form is Format.PARQUET:
            columns = tuple(_typed(column) for column in columns)
        return replace(self, files=replace(self.files, formats=(form,)), columns=columns)

    def key(self, name: str) -> str:
        """Return what a name in a file is compared by."""
        return "".join(name.split()).casefold() if self.files.loose_headers else name.strip()

    def owners(self) -> dict[str, str]:
        """Return the column of each name that a file may use."""
        return {self.key(name): c.name for c in self.named_columns for name in c.names}

    def __str__(self) -> str:
        return f"{self.source}.{self.feed}"


def decode_feed(text: str) -> Feed:
    """Read the `--feed` argument; raise `BatchError` when it is not a feed specification."""
    try:
        padded = text + "=" * (-len(text) % 4)
        spec = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        message = f"--feed must be base64url of the feed specification's JSON: {error}"
        raise BatchError(message) from error
    return parse_feed(spec)


def encode_feed(spec: Mapping[str, Any]) -> str:
    """Return the `--feed` argument for a specification."""
    return base64.urlsafe_b64encode(json.dumps(spec).encode()).decode()


def parse_feed(spec: Mapping[str, Any]) -> Feed:
    """Build a feed from its JSON object; raise `BatchError` naming what is unknown or missing."""
    _refuse_unknown(spec, {field.name for field in fields(Feed)}, "the feed")
    try:
        feed = Feed(
            source=spec["source"],
            feed=spec["feed"],
            files=_parse_files(spec.get("files", {})),
            columns=tuple(_parse_column(column) for column in spec["columns"]),
            extra_columns=ExtraColumns(spec.get("extra_columns", "fail")),
            unreadable_files=UnreadableFiles(spec.get("unreadable_files", "fail")),
            reject_limit=_parse_limit(spec.get("reject_limit", 0.0)),
        )
    except KeyError as error:
        raise BatchError(f"the feed specification lacks {error}") from error
    except ValueError as error:
        raise BatchError(f"the feed specification is wrong: {error}") from error
    _check_names(feed)
    return feed


def _parse_limit(value: float | str) -> RejectLimit:
    if isinstance(value, str):
        return RejectLimit(None, int(value.removesuffix("rows").removesuffix("row")))
    return RejectLimit(float(value))


def _parse_files(spec: Mapping[str, Any]) -> FileFormat:
    known = {field.name for field in fields(FileFormat)} - {"formats"} | {"format"}
    _refuse_unknown(spec, known, "files")
    values: dict[str, Any] = {
        key: tuple(value) if key == "null_values" else value for key, value in spec.items()
    }
    named = values.pop("format", "csv")
    formats = tuple(Format(name) for name in ([named] if isinstance(named, str) else named))
    files = FileFormat(**values, formats=formats)
    if not files.delimiter or len(files.quote) > 1 or len(files.escape) > 1:
        raise BatchError("files.delimiter is empty, or quote or escape is more than one character")
    try:
        wide = files.charset.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    except LookupError as error:
        raise BatchError(f"files.encoding {files.encoding!r} is not known: {error}") from error
    if wide and not files.multiline:
        raise BatchError(f"files.encoding {files.encoding!r} needs `multiline: true` as well")
    return files


def _parse_column(spec: Mapping[str, Any]) -> Column:
    known = {field.name for field in fields(Column)} - {"type"} | {"data_type"}
    _refuse_unknown(spec, known, f"column {spec.get('name')!r}")
    given = {key: value for key, value in spec.items() if value is not None}
    lists = ("aliases", "formats", "null_values", "accepted_values")
    values: dict[str, Any] = {
        key: tuple(value) if key in lists else value for key, value in given.items()
    }
    declared = values.pop("data_type", None)
    if declared is None:
        raise KeyError("data_type")
    column = Column(type=parse_type(declared), **values)
    number, time = column.type.is_number, column.type.is_time
    if column.formats and not (number or time):
        raise BatchError(f"column {column.name!r}: `formats` is for dates, timestamps and numbers")
    if (column.thousands or column.decimal) and not number:
        raise BatchError(
            f"column {column.name!r}: `thousands` and `decimal` are for number columns"
        )
    if (column.min or column.max) and not (number or time):
        raise BatchError(f"column {column.name!r}: `min` and `max` are for numbers and times")
    return column


def _typed(column: Column) -> Column:
    """Return a column that reads typed values, as Spark writes them, before its own formats."""
    if column.type.is_time:
        iso = ("yyyy-MM-dd HH:mm:ss[.SSSSSS]", "yyyy-MM-dd")
        return replace(column, formats=(*iso, *column.formats))
    if column.type.is_number:
        own = f"#{column.thousands}##0" if column.thousands else "0"
        formats = column.formats or (f"{own}{column.decimal or '.'}#",)
        return replace(column, formats=("0.#", *formats), thousands=None, decimal=None)
    return column


def _refuse_unknown(spec: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(spec) - known):
        names = ", ".join(unknown)
        raise BatchError(f"{where} has settings that this job does not know: {names}")


def _check_names(feed: Feed) -> None:
    owners: dict[str, str] = {}
    for column in feed.columns:
        if column.name.startswith("_"):
            raise BatchError(f"column {column.name!r}: names that start with _ are the loader's")
        for name in column.names:
            if owners.setdefault(feed.key(name), column.name) != column.name:
                raise BatchError(
                    f"columns {owners[feed.key(name)]!r} and {column.name!r} both claim {name!r}; "
                    "a header name can belong to one column only"
                )
    if len({column.name for column in feed.columns}) != len(feed.columns):
        raise BatchError("two columns have the same name; rename or remove one")
    captured = [column.name for column in feed.columns if column.extra]
    if len(captured) != (feed.extra_columns is ExtraColumns.CAPTURE):
        raise BatchError("`extra_columns: capture` and one column with `extra: true` go together")
