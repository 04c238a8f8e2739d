"""The accounting of a batch: raw, written and rejected rows per file, rejects per rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from spark_jobs.errors import UnstableError

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
    """What was seen while the raw files were read."""

    raw: int
    rejected: int

    @property
    def written(self) -> int:
        """Return the rows that keep the contract."""
        return self.raw - self.rejected

    def plus(self, files: int) -> Totals:
        """Return the totals with files that are rejected as a whole: a raw row each."""
        return Totals(self.raw + files, self.rejected + files)


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

    Raises `UnstableError` unless raw = written + rejected: no row is lost, none is there twice.
    """
    rejected: dict[str, int] = {}
    for count in rejects:
        rejected[count.file] = rejected.get(count.file, 0) + count.rows
    unknown = (written.keys() | rejected.keys()) - set(files)
    stored = sum(written.values()), sum(rejected.values())
    if unknown or stored != (totals.written, totals.rejected):
        raise UnstableError(
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


def reject_table(rejects: Iterable[RejectCount], sensitive: Collection[str] = ()) -> str:
    """Return rejects as a table for people; values of sensitive columns are masked.

    A whole record is shown only when no column is sensitive.
    """
    rows = [("rule", "column", "rows", "example")]
    for r in rejects:
        record = r.column is None or r.rule == "required"  # it has no value: shown is the record
        masked = r.column in sensitive or (record and bool(sensitive) and r.rule != "file")
        example = mask(r.example) if masked else r.example
        rows.append((r.rule, r.column or "", str(r.rows), _shown(example)))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def mask(text: str | None) -> str | None:
    """Return a text without most of it: its first two characters at most, and its length."""
    if text is None:
        return None
    shown = text[: min(2, len(text) // 4)]
    return f"{shown}… ({len(text)} characters)"


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
