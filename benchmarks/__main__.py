"""Command line: `python -m benchmarks [NAME …]`; 0 unless something is broken, fast or slow."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.pair import Measurement

Pairs = Callable[[], AbstractContextManager[list[Measurement]]]


def found() -> dict[str, Pairs]:
    """The benchmarks by name: modules of this folder that have a function `pairs`."""
    modules = {
        each.name: importlib.import_module(f"benchmarks.{each.name}")
        for each in pkgutil.iter_modules([str(Path(__file__).parent)])
        if each.name != "__main__"
    }
    return {name: module.pairs for name, module in modules.items() if hasattr(module, "pairs")}


def main(argv: list[str] | None = None) -> int:
    """Run the named benchmarks, or all, and print what each came to."""
    benchmarks = found()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(benchmarks))
    names = parser.parse_args(argv).names or list(benchmarks)
    unknown = [name for name in names if name not in benchmarks]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}: there are {', '.join(benchmarks)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops what has been started
    for name in names:
        print(f"== {name}", flush=True)
        with benchmarks[name]() as measurements:
            for each in measurements:
                print("\n".join(each.lines()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
