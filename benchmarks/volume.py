"""Two ways of doing the same work on files of two sizes: whole seconds, and what a row costs.

Both by the clock, and in processor time of this process and all below it: on a machine that others
use as well, the clock says more about them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import psutil

from benchmarks.pair import Side


@dataclass(frozen=True)
class Volume:
    """So many rows, and both ways through them."""

    rows: int
    reference: Side
    ours: Side


@dataclass(frozen=True)
class Volumes:
    """`ours` may take `target` times as long as the reference over the large volume.

    What a row costs is the difference between the volumes; the rest is what no row costs.
    """

    name: str
    small: Volume
    large: Volume
    target: float
    rounds: int = 2

    def lines(self) -> list[str]:
        """Run both sides in turns, after a round that is not counted; compare the fastest."""
        for side in (self.large.reference, self.large.ours):
            side.seconds()
        clock: dict[tuple[int, int], list[float]] = defaultdict(list)
        processor: dict[tuple[int, int], list[float]] = defaultdict(list)
        for number in range(self.rounds):
            for size, volume in enumerate((self.small, self.large)):
                sides = (volume.reference, volume.ours)
                for which in (0, 1) if number % 2 == 0 else (1, 0):
                    before = _processor_seconds()
                    clock[size, which].append(sides[which].seconds())
                    processor[size, which].append(_processor_seconds() - before)
        told = [self.name]
        for unit, times in (("by the clock", clock), ("processor", processor)):
            found = {key: min(values) for key, values in times.items()}
            rows = [
                (found[1, n] - found[0, n]) / (self.large.rows - self.small.rows) for n in (0, 1)
            ]
            for which, side in enumerate(sides):
                told.append(
                    f"  {side.name:<24} {unit}: {found[1, which]:6.2f} s for {self.large.rows:,} "
                    f"rows, {found[0, which]:.2f} s for {self.small.rows:,}: "
                    f"{rows[which] * 1e6:.2f} µs a row"
                )
            ratio = found[1, 1] / found[1, 0]
            verdict = "ok" if ratio <= self.target else "over"
            told.append(
                f"  ratio {ratio:.2f} ({1 / ratio:.0%} of the throughput), by the row "
                f"{rows[1] / rows[0]:.2f}; target {self.target:.2f}: {verdict}"
            )
        return told


def _processor_seconds() -> float:
    this = psutil.Process()
    times = (each.cpu_times() for each in (this, *this.children(recursive=True)))
    return sum(each.user + each.system for each in times)
