"""The accounting of a batch: raw, written and rejected rows per file, rejects per rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spark_jobs.errors import BatchError

_EXAMPLE_WIDTH = 40


@dataclass(frozen=True)
class FileCount:
    """The rows of one file."""

    file: str
    written: int
    rejected: int

    @property
    def raw(self) -> int:
        """Return the records in the raw file."""
        return self.written + self.rejected


@dataclass(frozen=True)
class RejectCount:
    """The rejected rows of one file, rule and column, and one example of a value."""

    file: str
    rule: str
    column: str | None
    rows: int
    example: str | None


@dataclass(frozen=True)
class Totals:
    """What was seen while the raw files were read; `buckets` are those of the rejected records."""

    raw: int
    rejected: int
    buckets: tuple[int, ...] = ()

    @property
    def written(self) -> int:
        """Return the rows that keep the contract."""
        return self.raw - self.rejected


@dataclass(frozen=True)
class Counts:
    """The rows of a batch, per file, and its rejects per rule and column, most rows first."""

    files: tuple[FileCount, ...]
    rejects: tuple[RejectCount, ...]
    totals: Totals


def account(
    files: Sequence[str], totals: Totals, written: Mapping[str, int], rejects: list[RejectCount]
) -> Counts:
    """Put the rows that are stored, good and rejected, beside those that were read.

    Raises `BatchError` unless raw = written + rejected: no row is lost, none is there twice.
    """
    rejected: dict[str, int] = {}
    for count in rejects:
        rejected[count.file] = rejected.get(count.file, 0) + count.rows
    unknown = (written.keys() | rejected.keys()) - set(files)
    stored = sum(written.values()), sum(rejected.values())
    if unknown or stored != (totals.written, totals.rejected):
        raise BatchError(
            f"{totals.raw} raw rows were read, {totals.rejected} of them to reject, but "
            f"{stored[0]} are written and {stored[1]} rejected"
            + (
                f", some under files that are not of the batch: {sorted(unknown)}"
                if unknown
                else ""
            )
            + ". Was a file changed meanwhile? Run the batch again"
        )
    counts = (FileCount(file, written.get(file, 0), rejected.get(file, 0)) for file in files)
    return Counts(tuple(counts), tuple(_add_up(rejects)), totals)


def reject_table(rejects: Iterable[RejectCount]) -> str:
    """Return rejects as a table for people."""
    rows = [("rule", "column", "rows", "example")]
    rows += [(r.rule, r.column or "", str(r.rows), _shown(r.example)) for r in rejects]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _add_up(rejects: Iterable[RejectCount]) -> list[RejectCount]:
    """Add the rejects of all files up per rule and column; `file` is empty."""
    sums: dict[tuple[str, str | None], RejectCount] = {}
    for count in sorted(rejects, key=lambda count: count.file):
        so_far = sums.get((count.rule, count.column))
        rows = count.rows + (so_far.rows if so_far else 0)
        example = so_far.example if so_far else count.example
        sums[count.rule, count.column] = RejectCount("", count.rule, count.column, rows, example)
    return sorted(sums.values(), key=lambda count: (-count.rows, count.rule, count.column or ""))


def _shown(example: str | None) -> str:
    if example is None:
        return ""
    shown = repr(example)
    return shown if len(shown) <= _EXAMPLE_WIDTH else f"{shown[: _EXAMPLE_WIDTH - 1]}…"
