"""What the lake's tables look like in the Glue catalogue; pure, from a feed's contract.

Forms and lengths: docs.aws.amazon.com/glue/latest/webapi (API_TableInput, API_PartitionInput,
API_Column).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elt_lib.contract import BATCH_ID, LOADED_AT, PARTITION, SOURCE_FILE, Feed
from elt_lib.redshift_types import RedshiftType

REJECTED_TABLE = "rejected_rows"
LONGEST_COMMENT = 255  # characters
LONGEST_DESCRIPTION = 2048

# What Athena and Redshift call types in a catalogue (docs.aws.amazon.com/athena/latest/ug/
# data-types.html). Texts have no length: Redshift counts bytes, Athena characters. A SUPER value is
# its JSON text in the files.
_TYPES = {
    "integer": "int",
    "real": "float",
    "double precision": "double",
    "char": "string",
    "varchar": "string",
    "super": "string",
}
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
_TECHNICAL = {
    BATCH_ID: "Batch that the row belongs to, as the partition says it",
    SOURCE_FILE: "Raw file that the row comes from",
    LOADED_AT: "When preprocessing wrote the row, UTC",
}
_BATCH = "Start of the batch's interval, such as 20210901T000000"
_REJECTED = (
    (SOURCE_FILE, "string", _TECHNICAL[SOURCE_FILE]),
    ("line", "bigint", "Line of the file on which the record begins; NULL where it is not known"),
    ("rule", "string", "Rule of the contract that the row breaks"),
    ("column", "string", "Column whose value breaks it; NULL for the whole record"),
    ("value", "string", "That value, as it stands in the file"),
    ("raw", "string", "The record, as it stands in the file"),
    ("reason", "string", "What is wrong, in a sentence"),
    (BATCH_ID, "string", _TECHNICAL[BATCH_ID]),
)


@dataclass(frozen=True)
class Batch:
    """A loaded batch, as its ledger entry says."""

    feed: str
    batch_id: str
    manifest_url: str
    manifest_sha256: str
    loaded_rows: int
    rejected_rows: int


@dataclass(frozen=True)
class Wanted:
    """A batch that has a partition of a table: its rows there, and where its files are."""

    batch: Batch
    rows: int
    location: Callable[[], str | None]
    """Asked only when the partition has to change; None when the files are gone."""


@dataclass(frozen=True)
class Table:
    """A table of the catalogue; of one that feeds share, the part that is one feed's."""

    name: str
    definition: Mapping[str, Any]
    """Glue's TableInput."""
    mine: tuple[tuple[str, str], ...] = ()
    """The leading partition columns and their values for this feed."""

    @property
    def expression(self) -> str:
        """Which partitions are this feed's, as GetPartitions takes it; empty for all."""
        return " AND ".join(f"{name} = '{value}'" for name, value in self.mine)

    def values(self, batch_id: str) -> list[str]:
        """The partition columns' values of a batch."""
        return [*(value for _, value in self.mine), batch_id]

    def marks(self, wanted: Wanted) -> dict[str, str]:
        """Parameters of a partition that say whether it is up to date."""
        columns = json.dumps(self.definition["StorageDescriptor"]["Columns"])
        return {
            "manifest_sha256": wanted.batch.manifest_sha256,
            "columns_sha256": hashlib.sha256(columns.encode()).hexdigest(),
            "recordCount": str(wanted.rows),
        }

    def partition(self, wanted: Wanted, location: str) -> dict[str, Any]:
        """Glue's PartitionInput of a batch."""
        return {
            "Values": self.values(wanted.batch.batch_id),
            "StorageDescriptor": {**self.definition["StorageDescriptor"], "Location": location},
            "Parameters": self.marks(wanted),
        }


def feed_table(feed: Feed, bucket: str) -> Table:
    """The table of a feed's staged rows: the contract's columns in its order, then the loader's."""
    columns = []
    for each in feed.table_columns:
        comment = _TECHNICAL.get(each.name, each.description)
        column = _column(each.name, hive_type(each.type), comment)
        if each.sensitive:
            column["Parameters"] = {"sensitive": "true"}
        columns.append(column)
    location = f"s3://{bucket}/staged/{feed.source}/{feed.name}/"
    keys = [_column(PARTITION, "string", _BATCH)]
    definition = _definition(feed.table, feed.description, columns, keys, location)
    return Table(feed.table, definition)


def rejected_table(feed: Feed, bucket: str) -> Table:
    """The table of all feeds' rejected rows, and which part of it is this feed's."""
    text = "Rows of loaded batches that break their feed's contract, with raw values."
    columns = [_column(*column) for column in _REJECTED]
    keys = [
        _column("source", "string", "Source of the feed"),
        _column("feed", "string", "Feed that the row was meant for"),
        _column(PARTITION, "string", _BATCH),
    ]
    definition = _definition(REJECTED_TABLE, text, columns, keys, f"s3://{bucket}/rejected/")
    return Table(REJECTED_TABLE, definition, (("source", feed.source), ("feed", feed.name)))


def hive_type(kind: RedshiftType) -> str:
    """A contract's type in the catalogue's words."""
    if kind.name == "numeric":
        return f"decimal({','.join(str(number) for number in kind.parameters)})"
    return _TYPES.get(kind.name, kind.name)


def differs(found: Mapping[str, Any], definition: Mapping[str, Any]) -> bool:
    """Whether a table as Glue returns it is another than the one that is wanted."""

    def shape(table: Mapping[str, Any]) -> Any:
        storage = table["StorageDescriptor"]
        texts = (table.get("Description", ""), storage.get("Location"))
        columns = (storage["Columns"], table.get("PartitionKeys", []))
        return texts, *(_said(each) for each in columns)

    return bool(shape(found) != shape(definition))


def _said(columns: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (each["Name"], each["Type"], each.get("Comment", ""), each.get("Parameters") or {})
        for each in columns
    ]


def _definition(
    name: str,
    description: str,
    columns: Sequence[Mapping[str, Any]],
    keys: Sequence[Mapping[str, Any]],
    location: str,
) -> dict[str, Any]:
    return {
        "Name": name,
        "Description": " ".join(description.split())[:LONGEST_DESCRIPTION],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "PartitionKeys": list(keys),
        "StorageDescriptor": {"Columns": list(columns), "Location": location, **_PARQUET},
    }


def _column(name: str, kind: str, comment: str) -> dict[str, Any]:
    text = " ".join(comment.split())
    if len(text) > LONGEST_COMMENT:
        text = f"{text[: LONGEST_COMMENT - 1]}…"
    return {"Name": name, "Type": kind, "Comment": text}
