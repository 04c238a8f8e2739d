"""The contract of a feed as the Spark job, the DDL, the pre-flight check and the DAG share it.

A feed is declared once, as a dbt source table with ``config.meta.files``; ``contract_yaml`` reads
it from dbt's manifest. CONTRIBUTING.md says what each key means.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from elt_lib.redshift_types import RedshiftType

BATCH_ID = "_batch_id"
SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"
PARTITION = "batch_id"
"""What partitions of the lake's tables are named by; no column of a feed may be called so."""


class Empty(StrEnum):
    """What a batch without files means."""

    FAIL = "fail"
    ALLOW = "allow"


class Batches(StrEnum):
    """What a new batch is to those before it: more of the feed, or the whole feed anew."""

    APPEND = "append"
    REPLACE = "replace"


class ExtraColumns(StrEnum):
    """What a name in a file that no column claims means; capture keeps it in a SUPER column."""

    FAIL = "fail"
    IGNORE = "ignore"
    CAPTURE = "capture"


class UnreadableFiles(StrEnum):
    """What a file that can't be the feed's (empty, binary, another header) does to its batch."""

    FAIL = "fail"
    REJECT = "reject"


class Format(StrEnum):
    """What kind of file a feed has."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Column:
    """One column of a feed: its Redshift type and how raw text becomes it."""

    name: str
    data_type: str
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
    description: str = ""

    @property
    def type(self) -> RedshiftType:
        """The parsed Redshift type."""
        return RedshiftType.parse(self.data_type)


@dataclass(frozen=True)
class Files:
    """Where a batch's raw files are and how they are written.

    Of several formats, each file has the one that its name ends with; with `one_format`, all files
    of a batch have the same.
    """

    pattern: str
    format: tuple[Format, ...] = (Format.CSV,)
    one_format: bool = False
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "UTF-8"
    header: bool = True
    multiline: bool = False
    null_values: tuple[str, ...] = ("",)
    loose_headers: bool = False
    trailing_delimiters: bool = False
    entries: str = "*"


@dataclass(frozen=True)
class TableLayout:
    """Key, distribution and sort of the staging table."""

    key: tuple[str, ...] = ()
    dist: str = "auto"
    sort: tuple[str, ...] = ()


TECHNICAL_COLUMNS = (
    Column(BATCH_ID, "varchar(32)", required=True),
    Column(SOURCE_FILE, "varchar(1024)", required=True),
    Column(LOADED_AT, "timestamp", required=True),
)


@dataclass(frozen=True)
class Feed:
    """One table of one source, as its YAML declares it.

    ``reject_limit`` is a share of a batch's rows (0 to 1), or a number of them (``"100 rows"``).
    ``keep_batches`` is how many of the latest batches staging keeps where batches replace.
    """

    source: str
    name: str
    description: str
    files: Files
    columns: tuple[Column, ...]
    layout: TableLayout
    wait: timedelta
    empty: Empty
    extra_columns: ExtraColumns
    reject_limit: float | str
    declared_in: str = field(compare=False)
    unreadable_files: UnreadableFiles = UnreadableFiles.FAIL
    batches: Batches = Batches.APPEND
    keep_batches: int = 2

    @property
    def id(self) -> str:
        """The feed's name everywhere: ``<source>.<feed>``."""
        return f"{self.source}.{self.name}"

    @property
    def table(self) -> str:
        """The staging table's name, without its schema."""
        return f"{self.source}__{self.name}"

    @property
    def table_columns(self) -> tuple[Column, ...]:
        """The staging table's columns in order: the contract's, then three that loading adds."""
        return self.columns + TECHNICAL_COLUMNS

    def raw_key(self, interval_start: datetime) -> str:
        """The S3 key pattern, below the bucket, of the batch that starts at ``interval_start``."""
        return f"raw/{self.source}/{self.name}/{expand(self.files.pattern, interval_start)}"

    def spec(self) -> str:
        """What the Spark job needs of the contract: JSON, base64url-encoded.

        Encoded because YARN's launch command expands ``{{`` and ``$`` in arguments.
        """
        payload = {
            "source": self.source,
            "feed": self.name,
            "files": {k: v for k, v in asdict(self.files).items() if k != "pattern"},
            "extra_columns": self.extra_columns.value,
            "unreadable_files": self.unreadable_files.value,
            "reject_limit": self.reject_limit,
            "columns": [_stated(asdict(column)) for column in self.columns],
        }
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return base64.urlsafe_b64encode(text.encode()).decode()


@dataclass(frozen=True)
class Source:
    """One source: its feeds, when they arrive, and the code lists below ``seeds/<source>``."""

    name: str
    description: str
    schedule: str
    start_date: date
    feeds: tuple[Feed, ...]
    seeds: tuple[str, ...] = ()


PLACEHOLDERS = {"{yyyy}": "%Y", "{MM}": "%m", "{dd}": "%d", "{HH}": "%H"}


def expand(pattern: str, start: datetime) -> str:
    """Replace ``{yyyy} {MM} {dd} {HH}`` by the parts of ``start``."""
    for placeholder, code in PLACEHOLDERS.items():
        pattern = pattern.replace(placeholder, start.strftime(code))
    return pattern


def _stated(column: dict[str, Any]) -> dict[str, Any]:
    """What a column says to Spark beyond its defaults: a batch's argument has a length limit."""
    return {
        key: value
        for key, value in column.items()
        if key != "description"
        and value is not None
        and (value not in ((), False) or key == "null_values")
    }
