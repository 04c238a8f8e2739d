"""What a generated sample is: files by their S3 key, and what must become of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


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
    rows belong to an earlier interval; ``ended_before_start`` are winners with that flaw.
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
    ended_before_start: int = 0

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
class Traffic:
    """How many trips began and ended at a station, over all batches."""

    departures: int
    arrivals: int


@dataclass(frozen=True)
class Sample:
    """A generated data set: its batches in the order of their intervals, and known answers.

    ``traffic`` is by cleaned station name, in order of names; ``""`` stands for no station.
    """

    batches: tuple[Batch, ...]
    traffic: Mapping[str, Traffic]

    def of_feed(self, feed: str) -> tuple[Batch, ...]:
        """The batches of one feed."""
        return tuple(batch for batch in self.batches if batch.feed == feed)
