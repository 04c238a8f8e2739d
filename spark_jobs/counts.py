"""The accounting of a batch: raw, written and rejected rows per file, rejects per rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spark_jobs.errors import BatchError

_EXAMPLE_WIDTH = 40


@dataclass(frozen=True)
class RuleCount:
    """Rows of one file under one rule; `rule` is None for good rows."""

    file: str
    rule: str | None
    column: str | None
    rows: int
    example: str | None = None


@dataclass(frozen=True)
class FileCount:
    """The rows of one file."""

    file: str
    raw: int
    rejected: int

    @property
    def written(self) -> int:
        """Return the rows that are to be written."""
        return self.raw - self.rejected


@dataclass(frozen=True)
class RejectCount:
    """The rejected rows of one rule and column over all files, and one example of a value."""

    rule: str
    column: str | None
    rows: int
    example: str | None


@dataclass(frozen=True)
class Counts:
    """The rows of a batch."""

    files: tuple[FileCount, ...]
    rejects: tuple[RejectCount, ...]

    @property
    def raw(self) -> int:
        """Return the records in the raw files."""
        return sum(file.raw for file in self.files)

    @property
    def rejected(self) -> int:
        """Return the rows that break the contract."""
        return sum(file.rejected for file in self.files)

    @property
    def written(self) -> int:
        """Return the rows that are to be written."""
        return self.raw - self.rejected


def summarise(counts: Iterable[RuleCount], files: Sequence[str]) -> Counts:
    """Add counts up per file, in the order of `files`, and per rule, most rows first."""
    counts = list(counts)
    raw = dict.fromkeys(files, 0)
    rejected = dict.fromkeys(files, 0)
    rules: dict[tuple[str, str | None], RejectCount] = {}
    for count in counts:
        raw[count.file] += count.rows
        if count.rule is None:
            continue
        rejected[count.file] += count.rows
        so_far = rules.get((count.rule, count.column))
        rules[count.rule, count.column] = RejectCount(
            count.rule,
            count.column,
            count.rows + (so_far.rows if so_far else 0),
            so_far.example if so_far and so_far.example is not None else count.example,
        )
    ordered = sorted(rules.values(), key=lambda r: (-r.rows, r.rule, r.column or ""))
    return Counts(
        files=tuple(FileCount(file, raw[file], rejected[file]) for file in files),
        rejects=tuple(ordered),
    )


def check_written(
    counts: Counts, written: Iterable[tuple[str, int]], rejected: Iterable[tuple[str, int]]
) -> None:
    """Compare what was counted in the raw files with what the Parquet files hold, per file."""
    in_parquet, in_rejected = dict(written), dict(rejected)
    for file in counts.files:
        got = in_parquet.get(file.file, 0), in_rejected.get(file.file, 0)
        if got != (file.written, file.rejected):
            raise BatchError(
                f"{file.file}: {file.raw} raw rows, but {got[0]} written and {got[1]} rejected "
                f"instead of {file.written} and {file.rejected}: was the file changed meanwhile? "
                "Run the batch again"
            )


def reject_table(counts: Counts) -> str:
    """Return the rejects as a table for people."""
    rows = [("rule", "column", "rows", "example")]
    rows += [(r.rule, r.column or "", str(r.rows), _shown(r.example)) for r in counts.rejects]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _shown(example: str | None) -> str:
    if example is None:
        return ""
    shown = repr(example)
    return shown if len(shown) <= _EXAMPLE_WIDTH else shown[: _EXAMPLE_WIDTH - 1] + "…"
