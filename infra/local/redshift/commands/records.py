"""Lines of text files as rows of fields: delimited text, CSV and fixed width.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.local.redshift.commands.copy_statement import CopyStatement, Format
from infra.local.redshift.commands.load_errors import Code, Fault

Field = str | None
Lines = Iterator[tuple[int, str]]


@dataclass(slots=True)
class Record:
    """One row: its line, the text as it stands in the file, its fields or why there are none."""

    line: int
    raw: str
    fields: list[Field]
    fault: Fault | None = None


class _Incomplete(Exception):
    """The record goes on in the next line."""


def records(lines: Lines, statement: CopyStatement) -> Iterator[Record]:
    """The rows of a file."""
    split = _splitter(statement)
    nul_is_null = statement.null_as == "\0"
    for number, line in lines:
        raw, first = line, number
        if not raw and statement.ignore_blank_lines:
            continue
        if "\0" in raw and not nul_is_null:
            raw = raw.partition("\0")[0]  # NUL ends the record
        try:
            while True:
                try:
                    yield Record(first, raw, split(raw))
                    break
                except _Incomplete:
                    raw = _longer(raw, lines, statement)
        except Fault as fault:
            yield Record(first, raw, [], fault)


def _longer(raw: str, lines: Lines, statement: CopyStatement) -> str:
    """The record with the next line (CSV: with all lines up to one that may close the quote)."""
    parts = [raw]
    for _, line in lines:
        parts.append(line)
        if statement.format is not Format.CSV or line.count(statement.quote) % 2:
            return "\n".join(parts)
    if statement.format is Format.CSV:
        raise Fault(Code.DELIMITER, "Delimited value missing end quote")
    raise Fault(Code.LINE, "The file ends within an escaped line end")


def _splitter(statement: CopyStatement) -> Callable[[str], list[Field]]:
    if statement.format is Format.CSV:
        return _csv(statement.delimiter, statement.quote)
    if statement.format is Format.FIXEDWIDTH:
        return _fixed(statement.widths)
    if statement.escape or statement.remove_quotes:
        return _escaped(statement)
    delimiter = statement.delimiter

    def plain(line: str) -> list[Field]:
        if "\r" in line:
            raise Fault(
                Code.LINE,
                "Missing newline: Unexpected character "
                f"0x{ord((line + ' ')[line.index(chr(13)) + 1]):x} found at location "
                f"{line.index(chr(13)) + 1}",
                line.index("\r"),
            )
        return list(line.split(delimiter))

    return plain


def _csv(delimiter: str, quote: str) -> Callable[[str], list[Field]]:
    """CSV: quotes doubled inside quotes; blanks between quote and delimiter are ignored."""
    q, d = re.escape(quote), re.escape(delimiter)
    blank = "[ \t]*" if delimiter not in " \t" else ("\t*" if delimiter == " " else " *")
    field = re.compile(
        rf"{blank}{q}(?P<quoted>[^{q}]*(?:{q}{q}[^{q}]*)*){q}{blank}(?={d}|$)|"
        rf"(?P<open>{blank}{q})|(?P<plain>[^{d}]*)",
        re.DOTALL,
    )
    # `$` also matches before a final line end, which a quoted field may hold.
    field = re.compile(field.pattern.replace("|$)", r"|\Z)"), re.DOTALL)

    def split(line: str) -> list[Field]:
        if quote not in line:
            return list(line.split(delimiter))
        fields: list[Field] = []
        position = 0
        while True:
            match = field.match(line, position)
            assert match is not None  # noqa: S101 the last alternative matches anything
            if match.group("open") is not None:
                _check_open(line, match.end(), quote)
            quoted = match.group("quoted")
            value = match.group("plain") if quoted is None else quoted.replace(quote * 2, quote)
            if quoted is None and quote in value:
                raise Fault(Code.DELIMITER, "Invalid quote formatting for CSV", position)
            fields.append(value)
            position = match.end() + 1
            if position > len(line):
                return fields

    return split


def _check_open(line: str, position: int, quote: str) -> None:
    """A quoted field without a proper end: incomplete when its quote never closes."""
    rest = line[position:].replace(quote * 2, "")
    if quote in rest:
        raise Fault(Code.DELIMITER, "Invalid quote formatting for CSV", position)
    raise _Incomplete


def _fixed(widths: tuple[int, ...]) -> Callable[[str], list[Field]]:
    """FIXEDWIDTH: so many characters per field; a short line ends the last field."""
    ends = [sum(widths[: number + 1]) for number in range(len(widths))]
    starts = [0, *ends[:-1]]

    def split(line: str) -> list[Field]:
        if len(line) > ends[-1]:
            raise Fault(Code.EXTRA_COLUMNS, "Extra column(s) found", ends[-1])
        return [line[a:b] for a, b in zip(starts, ends, strict=True) if a < len(line)]

    return split


def _escaped(statement: CopyStatement) -> Callable[[str], list[Field]]:
    """Delimited text with ESCAPE or REMOVEQUOTES, character by character where they occur."""
    delimiter, escape = statement.delimiter, statement.escape
    quotes = "'\"" if statement.remove_quotes else ""
    null = statement.null_as
    special = re.compile(f"[{re.escape(delimiter + quotes)}" + (r"\\" if escape else "") + "]")

    def split(line: str) -> list[Field]:
        fields: list[Field] = []
        value, start, position, opened = "", 0, 0, ""
        while True:
            match = special.search(line, position)
            if match is None:
                value += line[position:]
                if opened:
                    raise Fault(Code.DELIMITER, "Delimited value missing end quote", start)
                fields.append(null if line[start:] == null else value)
                return fields
            value += line[position : match.start()]
            character, position = match.group(), match.end()
            if character == "\\" and escape:
                if position == len(line):
                    raise _Incomplete
                value, position = value + line[position], position + 1
            elif opened:
                if character != opened:
                    value += character
                elif line[position : position + 1] in ("", delimiter):
                    opened = ""
                else:
                    value += character
            elif character == delimiter:
                fields.append(null if line[start : match.start()] == null else value)
                value, start = "", position
            elif match.start() == start:
                opened = character
            else:
                value += character

    return split
