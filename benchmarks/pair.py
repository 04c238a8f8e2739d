"""Two ways of doing the same work, run in turns, so that a busy machine is unkind to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Measurement(Protocol):
    """What a benchmark module's `pairs` yields: it runs and tells its result in lines."""

    def lines(self) -> list[str]:
        """Measure, and say what came out."""


@dataclass(frozen=True)
class Side:
    """One way; `prepare` is run before each round and not timed."""

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object] | None = None

    def seconds(self) -> float:
        """Seconds of one run."""
        if self.prepare is not None:
            self.prepare()
        start = time.perf_counter()
        self.run()
        return time.perf_counter() - start


@dataclass(frozen=True)
class Pair:
    """`ours` may take `target` times as long as `reference`; a run does `count` things."""

    name: str
    reference: Side
    ours: Side
    target: float
    rounds: int = 7
    warm_up: int = 1
    count: int = 1

    def lines(self) -> list[str]:
        """Run both sides in turns and compare their medians."""
        sides = (self.reference, self.ours)
        for _ in range(self.warm_up):
            for side in sides:
                side.seconds()
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(self.rounds):
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                times[which].append(sides[which].seconds() / self.count)
        medians = [statistics.median(found) for found in times]
        ratio = medians[1] / medians[0]
        fastest = min(times[1]) / min(times[0])
        verdict = "ok" if ratio <= self.target else "over"
        return [
            self.name,
            *(
                f"  {side.name:<28} min {_duration(min(found))}   median {_duration(median)}"
                for side, found, median in zip(sides, times, medians, strict=True)
            ),
            f"  ratio {ratio:.2f} of the medians, {fastest:.2f} of the fastest; "
            f"target {self.target:.2f}: {verdict}",
        ]


@dataclass(frozen=True)
class Bound:
    """A quantity that must stay below a limit, such as a process's memory in MB."""

    name: str
    measure: Callable[[], float]
    limit: float
    unit: str

    def lines(self) -> list[str]:
        """Measure once and compare."""
        found = self.measure()
        verdict = "ok" if found <= self.limit else "over"
        return [self.name, f"  {found:.1f} {self.unit}; limit {self.limit:.1f}: {verdict}"]


def _duration(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:8.1f} µs"
    return f"{seconds * 1e3:8.1f} ms" if seconds < 1 else f"{seconds:8.2f} s "
