"""What a generated sample is: files by their S3 key, and what must become of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Generic, Protocol, TypeVar

Answers_co = TypeVar("Answers_co", covariant=True)


@dataclass(frozen=True)
class SampleFile:
    """One raw file: its key in the lake's bucket and where it lies on disk."""

    key: str
    path: Path


@dataclass(frozen=True)
class Batch:
    """One feed's files of one interval, and what must become of their records.

    ``rejected`` counts by the contract's rules (``malformed``, ``required``, ``type``,
    ``length``). Of the loaded rows, ``repeated`` are further records of a key within the batch,
    ``superseded`` are keys that a later batch holds too, and the rest win in the fact. ``late``
    rows belong to an earlier interval. ``flagged`` counts the rows of the fact that carry one of
    its flags (``is_…`` columns), by flag.
    """

    source: str
    feed: str
    batch_id: str
    files: tuple[SampleFile, ...]
    raw_rows: int
    rejected: Mapping[str, int]
    repeated: int = 0
    superseded: int = 0
    late: int = 0
    flagged: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejected_rows(self) -> int:
        """Records that break the contract."""
        return sum(self.rejected.values())

    @property
    def loaded_rows(self) -> int:
        """Rows that reach the staging table."""
        return self.raw_rows - self.rejected_rows

    @property
    def fact_rows(self) -> int:
        """Rows of the fact that come from this batch once all batches are loaded."""
        return self.loaded_rows - self.repeated - self.superseded


@dataclass(frozen=True)
class Sample(Generic[Answers_co]):
    """A generated data set: its batches in the order of their intervals, and known answers.

    ``answers`` is what the marts must say, counted while the files were made; its shape is the
    source's own.
    """

    batches: tuple[Batch, ...]
    answers: Answers_co

    def of_feed(self, feed: str) -> tuple[Batch, ...]:
        """The batches of one feed."""
        return tuple(batch for batch in self.batches if batch.feed == feed)


class SampleSource(Protocol):
    """What a module of this package offers for one source; `registry` names the modules."""

    SOURCE: str
    """Name of the source and of its DAG."""
    FIRST: date
    LAST: date
    """First and last day for which the DAG is run; both included."""
    QUESTION: tuple[str, str]
    """A question that the marts answer: its title, and its file in `infra/local/queries`."""

    def generate(self, folder: Path, /) -> Sample[object]:
        """Write the raw files below a folder, by S3 key; the same bytes every time."""
