"""Reading values out of a contract's YAML with errors that say where and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)

UNITS = {"minute": 60, "hour": 3600, "day": 86400}


class ContractError(ValueError):
    """A contract is broken; the message has one line per problem."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the contract is broken:\n" + "\n".join(f"  {line}" for line in problems))


@dataclass(frozen=True)
class Where:
    """A place in a contract: the YAML file, the feed, and the key or column in it."""

    file: str
    feed: str
    path: str = ""

    def key(self, name: str) -> Where:
        """The place of ``name`` below this one."""
        return Where(self.file, self.feed, f"{self.path}.{name}" if self.path else name)

    def column(self, name: str) -> Where:
        """The place of a column."""
        return Where(self.file, self.feed, f"column {name}")

    def __str__(self) -> str:
        return f"{self.file}: {self.feed}{': ' + self.path if self.path else ''}"


class Reader:
    """Typed access to one mapping of the contract; problems are collected, not raised."""

    def __init__(self, values: Any, where: Where, problems: list[str]) -> None:
        self.where = where
        self.problems = problems
        self.values: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
        if not isinstance(values, Mapping):
            self.problem(f"is {values!r}: write a mapping")

    def problem(self, what: str, key: str | None = None) -> None:
        """Note a problem at ``key`` below this place."""
        self.problems.append(f"{self.where.key(key) if key else self.where}: {what}")

    def known(self, names: set[str]) -> None:
        """Note every key that is none of ``names``."""
        for name in sorted(set(self.values) - names):
            self.problem(f"unknown key; known here: {', '.join(sorted(names))}", name)

    def section(self, name: str) -> Reader:
        """The mapping under ``name`` (empty if absent)."""
        return Reader(self.values.get(name, {}), self.where.key(name), self.problems)

    def text(self, name: str, default: str | None = None, *, example: str = "") -> str:
        """A text; without a default it must be there."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or not value:
            self.problem(
                f"is {value!r}: write a text{', e.g. ' + example if example else ''}", name
            )
            return default or ""
        return value

    def character(self, name: str, default: str | None, *, may_be_empty: bool = False) -> Any:
        """A single character."""
        value = self.values.get(name, default)
        if may_be_empty and value == "":
            return value
        if value is not None and (not isinstance(value, str) or len(value) != 1):
            self.problem(f"is {value!r}: write one character", name)
            return default
        return value

    def texts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        value = self.values.get(name, list(default))
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list):  # YAML reads a bare 1 as a number
            value = [str(v) if type(v) in (int, float) else v for v in value]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problem(f'is {value!r}: write a list of texts, e.g. `["a", "b"]`', name)
            return default
        return tuple(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            self.problem(f"is {value!r}: write true or false", name)
            return default
        return value

    def limit(self, name: str, default: float) -> float | str:
        """A share from 0 to 1, or a number of rows such as ``100 rows``."""
        value = self.values.get(name, default)
        if isinstance(value, str) and re.fullmatch(r"\d+ rows?", value):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self.problem(
                f'is {value!r}: write a share from 0 to 1, e.g. 0.02, or e.g. "100 rows"', name
            )
            return default
        return float(value)

    def count(self, name: str, default: int) -> int:
        """A whole number from 1."""
        value: object = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.problem(f"is {value!r}: write a whole number from 1", name)
            return default
        return value

    def scalar(self, name: str) -> str | None:
        """A number or a date as text; None if it isn't there."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float | date):
            self.problem(f"is {value!r}: write a number or a date", name)
            return None
        return str(value)

    def choice(self, name: str, kind: type[E], default: E) -> E:
        """One word of a closed set."""
        value = self.values.get(name, default.value)
        try:
            return kind(value)
        except ValueError:
            self.problem(f"is {value!r}: write {' or '.join(kind)}", name)
            return default

    def choices(self, name: str, kind: type[E], default: tuple[E, ...]) -> tuple[E, ...]:
        """Words of a closed set, each once; a single word counts as a list of one."""
        value = self.values.get(name, list(default))
        words = value if isinstance(value, list) else [value]
        try:
            found = tuple(kind(word) for word in words)
        except ValueError:
            self.problem(f"is {value!r}: write {' or '.join(kind)}, or a list of them", name)
            return default
        if not found or len(set(found)) < len(found):
            self.problem(f"is {value!r}: write each word once", name)
            return default
        return found

    def duration(self, name: str, default: str) -> timedelta:
        """A time span such as ``15 days``, ``1 hour`` or ``30 minutes``."""
        value = self.values.get(name, default)
        match = re.fullmatch(r"(\d+) (minute|hour|day)s?", str(value))
        if match is None:
            self.problem(f'is {value!r}: write e.g. "30 minutes", "6 hours" or "15 days"', name)
            return timedelta(0)
        return timedelta(seconds=int(match[1]) * UNITS[match[2]])

    def date(self, name: str) -> date:
        """A date, ``YYYY-MM-DD``."""
        value = self.values.get(name)
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.problem(f'is {value!r}: write a date, e.g. "2013-06-01"', name)
            return date(1970, 1, 1)
