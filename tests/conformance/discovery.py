"""What dbt's adapter suite consists of: every class below `dbt.tests.adapter` that has tests.

Classes whose name begins with `Test` are the suite's own runs against PostgreSQL and are left out;
all others are there to be subclassed by an adapter.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import dbt.tests.adapter

ROOT = Path(next(iter(dbt.tests.adapter.__path__)))


def short_name(base: type) -> str:
    """`folder.module.Class`, as the lists in reasons.py write it."""
    return f"{base.__module__.removeprefix('dbt.tests.adapter.')}.{base.__name__}"


def methods(base: type) -> list[str]:
    """The names of a class's tests."""
    return sorted(name for name in dir(base) if name.startswith("test"))


def suite_classes() -> dict[str, type]:
    """All classes with tests by their short names."""
    found: dict[str, type] = {}
    for path in sorted(ROOT.rglob("*.py")):
        if path.name == "__init__.py":
            continue
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        module = importlib.import_module(f"dbt.tests.adapter.{dotted}")
        for name, member in sorted(vars(module).items()):
            if (
                inspect.isclass(member)
                and member.__module__ == module.__name__
                and not name.startswith("Test")
                and methods(member)
            ):
                found[short_name(member)] = member
    return found


def nearest(ours: type, suite: dict[str, type]) -> set[str]:
    """The classes of the suite that a class of ours runs: of its bases, those under no other."""
    bases = [base for base in ours.__mro__ if suite.get(short_name(base)) is base]
    return {
        short_name(base)
        for base in bases
        if not any(other is not base and issubclass(other, base) for other in bases)
    }
