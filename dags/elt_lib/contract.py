"""The contract of every feed, read from dbt's manifest and checked.

A feed is declared once, as a dbt source table with ``config.meta.files``; this module turns it into
frozen dataclasses that the Spark job, the DDL, the pre-flight check and the DAG builder share.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from elt_lib.contract_check import ContractError, Reader, Where
from elt_lib.redshift_types import RedshiftType

BATCH_ID = "_batch_id"
SOURCE_FILE = "_source_file"
LOADED_AT = "_loaded_at"


class Empty(StrEnum):
    """What a batch without files means."""

    FAIL = "fail"
    ALLOW = "allow"


class ExtraColumns(StrEnum):
    """What a header name that no column claims means."""

    FAIL = "fail"
    IGNORE = "ignore"


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

    @property
    def type(self) -> RedshiftType:
        """The parsed Redshift type."""
        return RedshiftType.parse(self.data_type)


@dataclass(frozen=True)
class Files:
    """Where a batch's raw files are and how they are written."""

    pattern: str
    format: str = "csv"
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "UTF-8"
    header: bool = True
    multiline: bool = False
    null_values: tuple[str, ...] = ("",)


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
    """One table of one source, as its YAML declares it."""

    source: str
    name: str
    description: str
    files: Files
    columns: tuple[Column, ...]
    layout: TableLayout
    wait: timedelta
    empty: Empty
    extra_columns: ExtraColumns
    reject_limit: float
    declared_in: str = field(compare=False)

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
            "reject_limit": self.reject_limit,
            "columns": [asdict(column) for column in self.columns],
        }
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return base64.urlsafe_b64encode(text.encode()).decode()


@dataclass(frozen=True)
class Source:
    """One source: its feeds and when they arrive."""

    name: str
    description: str
    schedule: str
    start_date: date
    feeds: tuple[Feed, ...]


PLACEHOLDERS = {"{yyyy}": "%Y", "{MM}": "%m", "{dd}": "%d", "{HH}": "%H"}


def expand(pattern: str, start: datetime) -> str:
    """Replace ``{yyyy} {MM} {dd} {HH}`` by the parts of ``start``."""
    for placeholder, code in PLACEHOLDERS.items():
        pattern = pattern.replace(placeholder, start.strftime(code))
    return pattern


def sources_of(manifest: Mapping[str, Any]) -> dict[str, Source]:
    """Read and check every feed in a dbt manifest.

    Raises ContractError with one line per problem (file, feed, column, what to write instead).
    """
    problems: list[str] = []
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for node in manifest["sources"].values():
        if "files" in (node.get("config", {}).get("meta") or {}):
            tables.setdefault(node["source_name"], []).append(node)
    found = {name: _source(name, tables[name], problems) for name in sorted(tables)}
    if problems:
        raise ContractError(problems)
    return found


@cache
def load_sources(manifest: Path) -> dict[str, Source]:
    """Read and check the feeds of the manifest file; read once per process.

    Raises ContractError, or FileNotFoundError that names the command which builds the manifest.
    """
    if not manifest.is_file():
        raise FileNotFoundError(f"no dbt manifest at {manifest}: run `make manifest`")
    return sources_of(json.loads(manifest.read_text()))


def _source(name: str, nodes: Iterable[Mapping[str, Any]], problems: list[str]) -> Source:
    nodes = sorted(nodes, key=lambda node: str(node["name"]))
    feeds = tuple(_feed(node, problems) for node in nodes)
    where = Where(str(nodes[0]["original_file_path"]), name)
    meta = Reader(nodes[0]["config"]["meta"], where, problems)
    return Source(
        name=name,
        description=str(nodes[0].get("source_description") or "").strip(),
        schedule=meta.text("schedule", example='"@monthly"'),
        start_date=meta.date("start_date"),
        feeds=feeds,
    )


def _feed(node: Mapping[str, Any], problems: list[str]) -> Feed:
    source, name = str(node["source_name"]), str(node["name"])
    where = Where(str(node["original_file_path"]), f"{source}.{name}")
    meta = Reader(node["config"]["meta"], where, problems)
    meta.known(
        {"schedule", "start_date", "files", "arrival", "extra_columns", "reject_limit", "table"}
    )
    if node.get("identifier") != f"{source}__{name}":
        meta.problem(
            f"identifier is {node.get('identifier')!r}: write `identifier: {source}__{name}`"
        )
    columns = tuple(_column(column, where, problems) for column in node["columns"].values())
    if not columns:
        meta.problem("has no columns: list each with name, data_type and description")
    _check_names(columns, meta)
    arrival = meta.section("arrival")
    arrival.known({"wait", "empty"})
    return Feed(
        source=source,
        name=name,
        description=str(node.get("description") or "").strip(),
        files=_files(meta.section("files")),
        columns=columns,
        layout=_layout(meta.section("table"), {column.name for column in columns}),
        wait=arrival.duration("wait", default="1 day"),
        empty=arrival.choice("empty", Empty, Empty.FAIL),
        extra_columns=meta.choice("extra_columns", ExtraColumns, ExtraColumns.FAIL),
        reject_limit=meta.share("reject_limit", 0.0),
        declared_in=where.file,
    )


def _files(files: Reader) -> Files:
    files.known(set(Files.__dataclass_fields__))
    declared = Files(
        pattern=files.text("pattern", example='"{yyyy}/{MM}/*.csv"'),
        format=files.text("format", Files.format),
        delimiter=files.character("delimiter", Files.delimiter),
        quote=files.character("quote", Files.quote),
        escape=files.character("escape", Files.escape),
        encoding=files.text("encoding", Files.encoding),
        header=files.flag("header", Files.header),
        multiline=files.flag("multiline", Files.multiline),
        null_values=files.texts("null_values", Files.null_values),
    )
    if declared.format != "csv":
        files.problem(f"format is {declared.format!r}: only `csv` can be read so far")
    rest = declared.pattern
    for placeholder in PLACEHOLDERS:
        rest = rest.replace(placeholder, "")
    if "{" in rest or "}" in rest:
        files.problem(f"pattern {declared.pattern!r} may use only {' '.join(PLACEHOLDERS)}")
    return declared


def _layout(table: Reader, columns: set[str]) -> TableLayout:
    table.known({"key", "dist", "sort"})
    sort = table.texts("sort", ())
    layout = TableLayout(
        key=table.texts("key", ()),
        dist=table.text("dist", "auto"),
        sort=() if sort == ("auto",) else sort,
    )
    known = columns | {column.name for column in TECHNICAL_COLUMNS}
    for name in (*layout.key, *layout.sort):
        if name not in known:
            table.problem(f"names column {name!r}, which the feed doesn't have")
    if layout.dist not in {"auto", "even", "all"} | known:
        table.problem(f"dist is {layout.dist!r}: write auto, even, all or a column of the feed")
    return layout


def _column(node: Mapping[str, Any], feed: Where, problems: list[str]) -> Column:
    name = str(node["name"])
    meta = Reader(node.get("config", {}).get("meta") or {}, feed.column(name), problems)
    meta.known({"aliases", "required", "optional", "formats", "thousands"})
    column = Column(
        name=name,
        data_type=str(node.get("data_type") or ""),
        required=meta.flag("required", False),
        optional=meta.flag("optional", False),
        aliases=meta.texts("aliases", ()),
        formats=meta.texts("formats", ()),
        thousands=meta.character("thousands", None),
    )
    if name.startswith("_") or not name.isidentifier() or name != name.lower():
        meta.problem("name must be lower case letters, digits and _, and not start with _")
    if not str(node.get("description") or "").strip():
        meta.problem("has no description: say what the column means, in what unit")
    if column.required and column.optional:
        meta.problem("is both required and optional: keep the one that is true")
    try:
        kind = column.type
    except ValueError as error:
        meta.problem(str(error))
    else:
        if kind.is_temporal and not column.formats:
            meta.problem(f'is a {kind.name} without formats: write e.g. `formats: ["yyyy-MM-dd"]`')
        if column.formats and not kind.is_temporal:
            meta.problem(f"has formats, but {kind.name} takes none: remove them")
        if column.thousands and not kind.is_numeric:
            meta.problem(f"has thousands, but {kind.name} is no number: remove it")
    return column


def _check_names(columns: Iterable[Column], meta: Reader) -> None:
    claimed: dict[str, str] = {}
    for column in columns:
        for name in (column.name, *column.aliases):
            if name in claimed:
                meta.problem(
                    f"columns {claimed[name]!r} and {column.name!r} both claim header {name!r}"
                )
            claimed[name] = column.name
