"""The commands that our pages tell people to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
PAGES = (
    *sorted((PROJECT / "docs").glob("*.md")),
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
)
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
AWS = re.compile(r"(?:^|\$\(|[|;&])\s*aws (?=[a-z])")
OURS = re.compile(r"(?:^|\$\(|[|;&])\s*(?:\S*/)?python -m infra\.aws\s")


def lines(text: str) -> Iterator[str]:
    """Every line of code in a page, those that go on with a backslash as one, without comments."""
    for block in FENCED.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"\s#\s.*", "", line)
    for code in INLINE.findall(FENCED.sub("", text)):
        yield " ".join(code.split())


def commands(kind: re.Pattern[str]) -> Iterator[tuple[str, list[str]]]:
    """A page's name, and the words after a kind of command, for every one in our pages."""
    for page in PAGES:
        for line in lines(page.read_text("utf-8")):
            for found in kind.finditer(line):
                yield page.name, words(line[found.end() :])


def words(rest: str) -> list[str]:
    """The words of a command up to its end: a pipe, or the bracket that closes around it."""
    depth, quote, end = 0, "", len(rest)
    for at, char in enumerate(rest):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif char in "|;)":
            end = at
            break
    return shlex.split(rest[:end])
