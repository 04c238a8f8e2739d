"""Reading the contract out of dbt's manifest, with every problem named and its remedy."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from elt_lib.contract import (
    PARTITION,
    PLACEHOLDERS,
    TECHNICAL_COLUMNS,
    Batches,
    Column,
    Empty,
    ExtraColumns,
    Feed,
    Files,
    Format,
    Source,
    TableLayout,
    UnreadableFiles,
)
from elt_lib.contract_check import ContractError, Reader, Where
from elt_lib.redshift_types import RedshiftType

FEED_KEYS = {
    *("schedule", "start_date", "files", "arrival", "extra_columns", "reject_limit", "table"),
    *("unreadable_files", "batches", "keep_batches"),
}
COLUMN_KEYS = {field.name for field in fields(Column)} - {"name", "data_type", "description"}
COUNTED_TIMES = ("excel", "sas_date", "epoch_seconds", "epoch_millis")
_DATE_LETTERS = frozenset("GyuDMLdQqEaFhKkHmsSVzOXx")
_NUMBER_FORMAT = re.compile(r"(?:#([^#0])##)?0(?:([^#0])#+)?")
_TEXT_KEYS = {
    *("delimiter", "quote", "escape", "encoding", "header", "multiline", "loose_headers"),
    *("trailing_delimiters", "entries"),
}
_USABLE = {
    Format.CSV: _TEXT_KEYS,
    Format.JSONL: {"encoding", "entries"},
    Format.PARQUET: {"loose_headers"},
}


def sources_of(manifest: Mapping[str, Any]) -> dict[str, Source]:
    """Read and check every feed in a dbt manifest.

    Raises ContractError with one line per problem (file, feed, column, what to write instead).
    """
    problems: list[str] = []
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for node in manifest["sources"].values():
        if "files" in (node.get("config", {}).get("meta") or {}):
            tables.setdefault(node["source_name"], []).append(node)
    seeds = _seeds_by_source(manifest)
    found = {
        name: _source(name, tables[name], seeds.get(name, ()), problems) for name in sorted(tables)
    }
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


def _seeds_by_source(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The seeds in ``seeds/<source>/``, by source."""
    found: dict[str, list[str]] = {}
    for node in manifest.get("nodes", {}).values():
        folders = str(node["original_file_path"]).split("/")
        if node["resource_type"] == "seed" and len(folders) > 2:
            found.setdefault(folders[1], []).append(str(node["name"]))
    return {source: tuple(sorted(names)) for source, names in found.items()}


def _source(
    name: str,
    nodes: Iterable[Mapping[str, Any]],
    seeds: tuple[str, ...],
    problems: list[str],
) -> Source:
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
        seeds=seeds,
    )


def _feed(node: Mapping[str, Any], problems: list[str]) -> Feed:
    source, name = str(node["source_name"]), str(node["name"])
    where = Where(str(node["original_file_path"]), f"{source}.{name}")
    meta = Reader(node["config"]["meta"], where, problems)
    meta.known(FEED_KEYS)
    if node.get("identifier") != f"{source}__{name}":
        meta.problem(
            f"identifier is {node.get('identifier')!r}: write `identifier: {source}__{name}`"
        )
    columns = tuple(_column(column, where, problems) for column in node["columns"].values())
    if not columns:
        meta.problem("has no columns: list each with name, data_type and description")
    files = _files(meta.section("files"))
    extra = meta.choice("extra_columns", ExtraColumns, ExtraColumns.FAIL)
    _check_names(columns, files, meta)
    _check_extra(columns, extra, meta)
    batches = meta.choice("batches", Batches, Batches.APPEND)
    if "keep_batches" in meta.values and batches is not Batches.REPLACE:
        meta.problem("means nothing without `batches: replace`: remove it", "keep_batches")
    arrival = meta.section("arrival")
    arrival.known({"wait", "empty"})
    return Feed(
        source=source,
        name=name,
        description=str(node.get("description") or "").strip(),
        files=files,
        columns=columns,
        layout=_layout(meta.section("table"), {column.name for column in columns}),
        wait=arrival.duration("wait", default="1 day"),
        empty=arrival.choice("empty", Empty, Empty.FAIL),
        extra_columns=extra,
        reject_limit=meta.limit("reject_limit", 0.0),
        declared_in=where.file,
        unreadable_files=meta.choice("unreadable_files", UnreadableFiles, UnreadableFiles.FAIL),
        batches=batches,
        keep_batches=meta.count("keep_batches", Feed.keep_batches),
    )


def _files(files: Reader) -> Files:
    files.known(set(Files.__dataclass_fields__))
    declared = Files(
        pattern=files.text("pattern", example='"{yyyy}/{MM}/*.csv"'),
        format=files.choices("format", Format, Files.format),
        one_format=files.flag("one_format", Files.one_format),
        delimiter=files.text("delimiter", Files.delimiter),
        quote=files.character("quote", Files.quote, may_be_empty=True),
        escape=files.character("escape", Files.escape, may_be_empty=True),
        encoding=files.text("encoding", Files.encoding),
        header=files.flag("header", Files.header),
        multiline=files.flag("multiline", Files.multiline),
        null_values=files.texts("null_values", Files.null_values),
        loose_headers=files.flag("loose_headers", Files.loose_headers),
        trailing_delimiters=files.flag("trailing_delimiters", Files.trailing_delimiters),
        entries=files.text("entries", Files.entries),
    )
    usable = set[str]().union(*(_USABLE[each] for each in declared.format))
    for key in sorted(_TEXT_KEYS - usable):
        if key in files.values:
            kinds = " or ".join(declared.format)
            files.problem(f"means nothing in {kinds} files: remove it", key)
    if declared.one_format and len(declared.format) == 1:
        files.problem("means nothing where `format` is one format: remove it", "one_format")
    _check_encoding(declared, files)
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
    meta.known(COLUMN_KEYS)
    column = Column(
        name=name,
        data_type=str(node.get("data_type") or ""),
        required=meta.flag("required", False),
        optional=meta.flag("optional", False),
        aliases=meta.texts("aliases", ()),
        formats=meta.texts("formats", ()),
        thousands=meta.character("thousands", None),
        decimal=meta.character("decimal", None),
        null_values=meta.texts("null_values", ()) if "null_values" in meta.values else None,
        min=meta.scalar("min"),
        max=meta.scalar("max"),
        accepted_values=meta.texts("accepted_values", ()),
        sensitive=meta.flag("sensitive", False),
        extra=meta.flag("extra", False),
        description=str(node.get("description") or "").strip(),
    )
    if name == PARTITION:
        meta.problem("is what the lake's partitions are named by: write another name")
    if name.startswith("_") or not name.isidentifier() or name != name.lower():
        meta.problem("name must be lower case letters, digits and _, and not start with _")
    if not column.description:
        meta.problem("has no description: say what the column means, in what unit")
    if column.required and column.optional:
        meta.problem("is both required and optional: keep the one that is true")
    try:
        kind = column.type
    except ValueError as error:
        meta.problem(str(error))
    else:
        _check_values(column, kind, meta)
    return column


def _check_values(column: Column, kind: RedshiftType, meta: Reader) -> None:
    """Note what a column says about its values that doesn't go with its type."""
    if kind.is_temporal:
        if not column.formats:
            meta.problem(f'is a {kind.name} without formats: write e.g. `formats: ["yyyy-MM-dd"]`')
        for pattern in column.formats:
            _check_pattern(pattern, meta)
    elif kind.is_numeric:
        _check_number(column, meta)
    elif column.formats:
        meta.problem(f"has formats, but {kind.name} takes none: remove them")
    if not kind.is_numeric and (column.thousands or column.decimal):
        key = "thousands" if column.thousands else "decimal"
        meta.problem(f"has {key}, but {kind.name} is no number: remove it")
    for key in ("min", "max"):
        _check_limit(getattr(column, key), key, kind, meta)
    if column.accepted_values and kind.is_temporal:
        meta.problem(f"a {kind.name} takes min and max instead: remove it", "accepted_values")
    if column.extra and kind.name != "super":
        meta.problem(f"is {kind.name}: the column for extra columns is a super", "extra")


def _check_number(column: Column, meta: Reader) -> None:
    for pattern in column.formats:
        match = _NUMBER_FORMAT.fullmatch(pattern)
        if match is None or match[1] == (match[2] or "."):
            known = "0.#, #,##0.# or #.##0,#"
            meta.problem(f"{pattern!r} is no number format: write {known}", "formats")
    if column.formats and (column.thousands or column.decimal):
        meta.problem("has formats as well as thousands or decimal: keep formats")
    if column.thousands and column.thousands == (column.decimal or "."):
        meta.problem("is the decimal mark too: write another, or `decimal`", "thousands")


def _check_pattern(pattern: str, meta: Reader) -> None:
    """Note letters that are no part of a date; Spark itself has the last word."""
    letters = set(re.sub(r"'[^']*'", "", pattern)) - _DATE_LETTERS
    unknown = sorted(letter for letter in letters if letter.isascii() and letter.isalpha())
    if pattern not in COUNTED_TIMES and (unknown or not re.search("[yudMHhs]", pattern)):
        meta.problem(
            f"{pattern!r} is no datetime pattern of Spark: write such as yyyy-MM-dd HH:mm:ss, or "
            f"{', '.join(COUNTED_TIMES)}",
            "formats",
        )


def _check_limit(value: str | None, key: str, kind: RedshiftType, meta: Reader) -> None:
    if value is None:
        return
    try:
        if kind.is_numeric:
            Decimal(value)
        elif kind.is_temporal:
            datetime.fromisoformat(value)
        else:
            meta.problem(f"{kind.name} has no range: remove it", key)
    except (InvalidOperation, ValueError):
        example = "1900" if kind.is_numeric else '"2013-06-01"'
        meta.problem(f"is {value!r}: write a {kind.name}, e.g. {example}", key)


def _check_encoding(declared: Files, files: Reader) -> None:
    try:
        name = codecs.lookup(declared.encoding).name
    except LookupError:
        files.problem(f"is {declared.encoding!r}: write such as UTF-8, latin-1, cp1252", "encoding")
        return
    if name.startswith(("utf-16", "utf-32")) and not declared.multiline:
        files.problem(f"{declared.encoding} files are read with `multiline: true` only", "encoding")


def _check_extra(columns: Iterable[Column], extra: ExtraColumns, meta: Reader) -> None:
    takers = [column.name for column in columns if column.extra]
    if extra is ExtraColumns.CAPTURE and len(takers) != 1:
        meta.problem("is capture: give one column of type super `extra: true`", "extra_columns")
    if takers and extra is not ExtraColumns.CAPTURE:
        meta.problem(
            f"is {extra}, but column {takers[0]} has `extra: true`: write capture", "extra_columns"
        )


def _check_names(columns: Iterable[Column], files: Files, meta: Reader) -> None:
    claimed: dict[str, str] = {}
    for column in columns:
        for name in (column.name, *column.aliases):
            key = "".join(name.split()).casefold() if files.loose_headers else name.strip()
            if claimed.get(key, column.name) != column.name:
                meta.problem(
                    f"columns {claimed[key]!r} and {column.name!r} both claim header {name!r}"
                )
            claimed[key] = column.name
