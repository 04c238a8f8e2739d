"""Telling the Glue catalogue which batches are loaded: a partition for each, and for no other.

Which partitions there are follows from the ledger and from nothing else. Partitions are read first
and the ledger after them, what differs is put right, and this is done again until nothing differs:
told twice, late or by two runs at once, the catalogue ends the same.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from elt_lib.catalogue_tables import Batch, Table, Wanted, differs, feed_table, rejected_table
from elt_lib.contract import Feed

log = logging.getLogger(__name__)
T = TypeVar("T")

ROUNDS = 10
"""How often other runs may change the ledger or the catalogue meanwhile."""
# By one request: docs.aws.amazon.com/glue/latest/webapi (API_BatchCreatePartition, …).
MOST_CREATED = MOST_UPDATED = 100
MOST_DELETED = 25
OVERTAKEN = {"AlreadyExistsException", "EntityNotFoundException"}
"""What a partition says that another run was faster with; the next round looks again."""


class CatalogueError(RuntimeError):
    """The catalogue could not be told. No load is touched by it; another try may help."""


@dataclass(frozen=True)
class Lake:
    """What registration asks of S3."""

    bucket: str
    read: Callable[[str], bytes | None]
    """Content of an object by its URL; None when it is not there any more."""
    folders: Callable[[str], Iterable[str]]
    """Prefixes one level below a prefix, each with a slash at its end."""


@dataclass(frozen=True)
class _Part:
    """A table, or one feed's part of it, and the area of the lake that it shows."""

    feed: str
    area: str
    folder: str
    table: Table


def register(
    glue: Any,
    database: str,
    feeds: Sequence[Feed],
    ledger: Callable[[], Iterable[Batch]],
    lake: Lake,
) -> int:
    """Make the catalogue say of some feeds what the ledger says; returns partitions changed.

    ``ledger`` returns the feeds' loaded batches as they are at that moment. A batch whose files a
    lifecycle rule removed has no partition. Raises CatalogueError when the catalogue refuses, or
    when ledger and catalogue don't hold still.
    """
    parts = [part for feed in feeds for part in _parts(feed, lake.bucket)]
    for table in {part.table.name: part.table for part in parts}.values():
        _ensure(glue, database, table)
    changed = 0
    for _ in range(ROUNDS):
        found = [_partitions(glue, database, part.table) for part in parts]
        # After the partitions: one that the ledger doesn't know is then not of a load that
        # committed in between.
        loaded = list(ledger())
        differing = sum(
            _put_right(glue, database, part.table, partitions, _wanted(part, loaded, lake))
            for part, partitions in zip(parts, found, strict=True)
        )
        if not differing:
            return changed
        changed += differing
    raise CatalogueError(
        f"{database}: partitions still differ from ops.load_ledger after {ROUNDS} rounds. No load "
        "is touched by this. If other runs load the same batches, clear this task after them."
    )


def _parts(feed: Feed, bucket: str) -> Iterator[_Part]:
    tables = {"staged": feed_table(feed, bucket), "rejected": rejected_table(feed, bucket)}
    for area, table in tables.items():
        yield _Part(feed.name, area, f"{area}/{feed.source}/{feed.name}/", table)


def _wanted(part: _Part, loaded: Iterable[Batch], lake: Lake) -> dict[str, Wanted]:
    """Partitions of a part by batch."""
    # After the ledger, so that the files of every batch in it are there, or have been.
    kept = {folder.rstrip("/").rsplit("/", 1)[-1] for folder in lake.folders(part.folder)}
    found = {}
    for batch in loaded:
        if batch.feed != part.feed or batch.batch_id not in kept:
            continue
        if part.area == "staged":
            each = Wanted(batch, batch.loaded_rows, partial(_staged_folder, batch, lake))
        else:
            each = Wanted(batch, batch.rejected_rows, partial(_rejected_folder, batch))
        if each.rows:
            found[batch.batch_id] = each
    return found


def _staged_folder(batch: Batch, lake: Lake) -> str | None:
    """The one folder of the files that COPY read, with a slash at its end."""
    manifest = lake.read(batch.manifest_url)
    if manifest is None:
        return None
    urls = [str(entry["url"]) for entry in json.loads(manifest)["entries"]]
    folders = {url.rpartition("/")[0] for url in urls}
    if len(folders) != 1:
        raise CatalogueError(f"{batch.manifest_url} lists files of {len(folders)} folders, not 1")
    return f"{folders.pop()}/"


def _rejected_folder(batch: Batch) -> str:
    """Where the attempt put its rejected rows: as its manifest, in the other area."""
    return f"{batch.manifest_url.rpartition('/')[0].replace('/staged/', '/rejected/', 1)}/"


def _put_right(
    glue: Any,
    database: str,
    table: Table,
    found: Mapping[str, Mapping[str, str]],
    wanted: Mapping[str, Wanted],
) -> int:
    """Create, update and delete the partitions that differ; returns how many differed."""
    create, update, delete = [], [], [batch for batch in found if batch not in wanted]
    for batch_id, each in wanted.items():
        if found.get(batch_id) == table.marks(each):
            continue
        location = each.location()
        if location is None:
            log.warning("%s %s: its files are gone, it gets no partition", table.name, batch_id)
            delete += [batch_id] if batch_id in found else []
        elif batch_id in found:
            update.append(table.partition(each, location))
        else:
            create.append(table.partition(each, location))
    where = {"DatabaseName": database, "TableName": table.name}
    for some in _pieces(create, MOST_CREATED):
        _check(glue.batch_create_partition(**where, PartitionInputList=some), table)
    for some in _pieces(update, MOST_UPDATED):
        entries = [{"PartitionValueList": each["Values"], "PartitionInput": each} for each in some]
        _check(glue.batch_update_partition(**where, Entries=entries), table)
    for few in _pieces(delete, MOST_DELETED):
        values = [{"Values": table.values(batch)} for batch in few]
        _check(glue.batch_delete_partition(**where, PartitionsToDelete=values), table)
    counts = len(create), len(update), len(delete)
    if any(counts):
        log.info("%s: %d partitions created, %d updated, %d deleted", table.name, *counts)
    return sum(counts)


def _pieces(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _check(answer: Mapping[str, Any], table: Table) -> None:
    """Raise CatalogueError for what the catalogue refused: such requests fail in parts."""
    refused = [
        f"{error.get('PartitionValues') or error.get('PartitionValueList')}: {detail}"
        for error in answer.get("Errors", ())
        if (detail := error.get("ErrorDetail", {})).get("ErrorCode") not in OVERTAKEN
    ]
    if refused:
        raise CatalogueError(f"partitions of {table.name} were refused: {'; '.join(refused)}")


def _partitions(glue: Any, database: str, table: Table) -> dict[str, dict[str, str]]:
    """The marks of the table's partitions by batch."""
    request: dict[str, Any] = {"DatabaseName": database, "TableName": table.name}
    if table.expression:
        request["Expression"] = table.expression
    pages = glue.get_paginator("get_partitions").paginate(**request, ExcludeColumnSchema=True)
    return {
        str(each["Values"][-1]): each.get("Parameters", {})
        for page in pages
        for each in page["Partitions"]
    }


def _ensure(glue: Any, database: str, table: Table) -> None:
    """Create the table, or bring its columns and texts to the contract."""
    missing = glue.exceptions.EntityNotFoundException
    try:
        found = glue.get_table(DatabaseName=database, Name=table.name)["Table"]
    except missing:
        try:
            glue.create_table(DatabaseName=database, TableInput=dict(table.definition))
        except glue.exceptions.AlreadyExistsException:
            log.info("%s: another run was faster", table.name)
        except missing as error:
            raise CatalogueError(
                f"the catalogue has no database {database}: on AWS the stack `catalog` makes it, "
                "on a laptop `make up`. STARLIFT_GLUE_DATABASE empty leaves the catalogue alone."
            ) from error
        return
    if differs(found, table.definition):
        glue.update_table(DatabaseName=database, TableInput=dict(table.definition))
        log.info("%s: brought to the contract", table.name)
