"""Raw files into staging without Spark: a second, plain reading of the contract for tests."""

from __future__ import annotations

import contextlib
import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.local.samples.sample import Batch
from tests.dbt_project.warehouse import Warehouse, insert

FORMATS = {
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
    "yyyy-MM-dd HH:mm": "%Y-%m-%d %H:%M",
    "yyyy-MM-dd HH:mm:ss.SSSSSS": "%Y-%m-%d %H:%M:%S.%f",
    "M/d/yyyy H:mm": "%m/%d/%Y %H:%M",
    "M/d/yyyy H:mm:ss": "%m/%d/%Y %H:%M:%S",
    "M/d/yyyy": "%m/%d/%Y",
    "M/d/yy": "%m/%d/%y",
}


class BrokenRuleError(Exception):
    """A record breaks a rule of the contract; the argument is the rule."""


def contract(manifest: Path, feed: str) -> dict[str, dict[str, Any]]:
    """Return the feed's columns by name, as the manifest has them."""
    sources = json.loads(manifest.read_text(encoding="utf-8"))["sources"]
    columns: dict[str, dict[str, Any]] = sources[f"source.starlift.{feed}"]["columns"]
    return columns


def read(path: Path, columns: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any] | str]:
    """Yield for each record its values by column, or the rule that it breaks."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        header = next(rows)
        places = {
            name: header.index(known)
            for name, column in columns.items()
            for known in [name, *column["config"]["meta"].get("aliases", [])]
            if known in header
        }
        missing = {
            name for name, column in columns.items() if not column["config"]["meta"].get("optional")
        } - places.keys()
        assert not missing, (path, missing)
        for row in rows:
            try:
                if len(row) != len(header):
                    raise BrokenRuleError("malformed")
                yield {
                    name: value_of(row[places[name]] if name in places else "", column)
                    for name, column in columns.items()
                }
            except BrokenRuleError as broken:
                yield str(broken)


def value_of(text: str, column: dict[str, Any]) -> Any:
    meta, kind = column["config"]["meta"], column["data_type"]
    if not text.strip():
        if meta.get("required"):
            raise BrokenRuleError("required")
        return None
    if kind.startswith("varchar"):
        if len(text.encode()) > int(kind[8:-1]):
            raise BrokenRuleError("length")
        return text
    if kind == "timestamp":
        for pattern in meta["formats"]:
            with contextlib.suppress(ValueError):
                return datetime.strptime(text, FORMATS[pattern])
        raise BrokenRuleError("type")
    try:
        number = float(text.replace(meta.get("thousands") or ",", ""))
    except ValueError:
        raise BrokenRuleError("type") from None
    return int(number) if kind == "smallint" else number


def stage(warehouse: Warehouse, manifest: Path, batch: Batch, loaded_at: datetime) -> None:
    """Load one batch and write its ledger row, as the load task does."""
    columns = contract(manifest, f"{batch.source}.{batch.feed}")
    rows: list[dict[str, Any]] = []
    rules: Counter[str] = Counter()
    for file in batch.files:
        for record in read(file.path, columns):
            if isinstance(record, str):
                rules[record] += 1
                continue
            record |= {
                "_batch_id": batch.batch_id,
                "_source_file": f"s3://lake/{file.key}",
                "_loaded_at": loaded_at,
            }
            rows.append(record)
    rejected = rules.total()
    ledger = {
        "source": batch.source,
        "feed": batch.feed,
        "batch_id": batch.batch_id,
        "status": "loaded" if batch.files else "no_data",
        "files": len(batch.files),
        "raw_rows": len(rows) + rejected,
        "rejected_rows": rejected,
        "loaded_rows": len(rows),
        "data_loaded_at": loaded_at if batch.files else None,
        "recorded_at": loaded_at,
    }
    of_batch = {name: ledger[name] for name in ("source", "feed", "batch_id")}
    rejects = [{**of_batch, "rule": rule, "rejected_rows": n} for rule, n in rules.items()]
    load(warehouse, f"staging.{batch.source}__{batch.feed}", rows, [ledger], rejects)


def load(
    warehouse: Warehouse,
    table: str,
    rows: list[dict[str, Any]],
    ledger: Iterable[dict[str, Any]],
    rejects: Iterable[dict[str, Any]] = (),
) -> None:
    with contextlib.closing(warehouse.connect()) as connection:
        cursor = connection.cursor()
        insert(cursor, table, rows)
        insert(cursor, "ops.load_ledger", list(ledger))
        insert(cursor, "ops.load_rejects", list(rejects))
        connection.commit()
