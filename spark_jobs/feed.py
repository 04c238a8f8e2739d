"""The feed specification: what the contract says about one feed's files and columns.

It arrives as base64url of UTF-8 JSON, the form in which it survives any shell and REST layer.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from spark_jobs.errors import BatchError
from spark_jobs.redshift_types import RedshiftType, parse_type

BATCH_ID = "_batch_id"
SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"
LOADER_COLUMNS = (BATCH_ID, SOURCE_FILE, LOADED_AT)


class ExtraColumns(Enum):
    """What happens to a header name that no column claims."""

    FAIL = "fail"
    IGNORE = "ignore"


@dataclass(frozen=True)
class FileFormat:
    """How the feed's files are written; `multiline` reads values that hold line ends.

    Records end with the line unless `multiline` is set: only then can Spark share one large file
    among tasks, keep each record's exact text, and confine a stray quote to its own line.
    """

    format: str = "csv"
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "UTF-8"
    header: bool = True
    null_values: tuple[str, ...] = ("",)
    multiline: bool = False

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

    @property
    def names(self) -> tuple[str, ...]:
        """Return every header name by which a file may call this column."""
        return (self.name, *self.aliases)


@dataclass(frozen=True)
class Feed:
    """One feed: `reject_limit` is the share (0..1) of raw rows that may be rejected."""

    source: str
    feed: str
    files: FileFormat
    columns: tuple[Column, ...]
    extra_columns: ExtraColumns = ExtraColumns.FAIL
    reject_limit: float = 0.0

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
            reject_limit=float(spec.get("reject_limit", 0.0)),
        )
    except KeyError as error:
        raise BatchError(f"the feed specification lacks {error}") from error
    except ValueError as error:
        raise BatchError(f"the feed specification is wrong: {error}") from error
    _check_names(feed)
    return feed


def _parse_files(spec: Mapping[str, Any]) -> FileFormat:
    _refuse_unknown(spec, {field.name for field in fields(FileFormat)}, "files")
    values: dict[str, Any] = {
        key: tuple(value) if key == "null_values" else value for key, value in spec.items()
    }
    files = FileFormat(**values)
    if files.format != "csv":
        raise BatchError(f"files.format {files.format!r} cannot be read yet; it must be 'csv'")
    if len(files.delimiter) != 1 or len(files.quote) > 1 or len(files.escape) > 1:
        raise BatchError("files.delimiter must be one character, quote and escape at most one")
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
    column = Column(
        name=spec["name"],
        type=parse_type(spec["data_type"]),
        required=bool(spec.get("required", False)),
        optional=bool(spec.get("optional", False)),
        aliases=tuple(spec.get("aliases") or ()),
        formats=tuple(spec.get("formats") or ()),
        thousands=spec.get("thousands") or None,
    )
    if column.formats and not column.type.is_time:
        raise BatchError(f"column {column.name!r}: `formats` is for date and timestamp columns")
    if column.thousands and not column.type.is_number:
        raise BatchError(f"column {column.name!r}: `thousands` is for number columns")
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
            if owners.setdefault(name, column.name) != column.name:
                raise BatchError(
                    f"columns {owners[name]!r} and {column.name!r} both claim {name!r}; "
                    "a header name can belong to one column only"
                )
    if len({column.name for column in feed.columns}) != len(feed.columns):
        raise BatchError("two columns have the same name; rename or remove one")
