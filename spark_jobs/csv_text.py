"""The grammar of a delimited record: splitting a header, and what is wrong with a line, in SQL."""

from __future__ import annotations

import re

from spark_jobs import sql
from spark_jobs.feed import FileFormat


class QuoteError(ValueError):
    """A quoted name is not closed, or text follows the quote that closes it."""


def split_record(text: str, files: FileFormat) -> list[str]:
    """Return the fields of the first record of a text, which may go on after it.

    Raises `QuoteError` where Spark's parser would take a stray quote as content.
    """
    fields, at = [], 0
    while True:
        value, at = _field(text, at, files)
        fields.append(value)
        if not text.startswith(files.delimiter, at):
            return fields
        at += len(files.delimiter)


def _field(text: str, start: int, files: FileFormat) -> tuple[str, int]:
    """Return the field at `start`, and where it ends: at a delimiter, a line end or the end."""
    at = start + len(text[start:]) - len(text[start:].lstrip(" "))
    if files.quote and text.startswith(files.quote, at):
        match = re.compile(quoted(files), re.DOTALL).match(text, at)
        if match is None:
            raise QuoteError(f"a name opened with {files.quote} is not closed")
        rest = re.compile(" *").match(text, match.end())
        end = rest.end() if rest else match.end()
        follows = text[end : end + len(files.delimiter)]
        if follows and follows[0] not in "\r\n" and follows != files.delimiter:
            raise QuoteError(f"text follows a name that {files.quote} closes")
        return _unquote(match[0], files), end
    bare = re.compile(f"(?:(?!{re.escape(files.delimiter)})[^\r\n])*").match(text, start)
    stop = bare.end() if bare else start
    return text[start:stop], stop


def _unquote(text: str, files: FileFormat) -> str:
    inner = text[1:-1]
    if files.escape in ("", files.quote):
        return inner.replace(files.quote * 2, files.quote)
    return re.sub(f"{re.escape(files.escape)}(.)", r"\1", inner, flags=re.DOTALL)


def is_plain(raw: str, files: FileFormat) -> str:
    """Return the condition that a record is text, and nothing but fields between delimiters.

    It is what stands before the first quote (or NUL, where values are not quoted). To split there,
    Spark decodes the bytes; what is not UTF-8 comes back as U+FFFD, so a record that is the same
    afterwards is valid. Java does both by vector instructions, `contains` and `is_valid_utf8` go
    byte after byte.
    A delimiter of backslashes has a meaning of its own in Spark's parser (`\\\\t`).
    """
    if "\\" in files.delimiter:
        return "false"
    mark = sql.literal(re.escape(files.quote or "\0"))
    return f"get(split({raw}, {mark}, 2), 0) = {raw}"


def badly_quoted(raw: str, files: FileFormat) -> str:
    """Return the condition that a quote is left open, or that text follows one that closes.

    Spark's CSV parser takes both as content. The pattern is possessive throughout, so that it
    neither backtracks nor recurses; it is for records that hold a quote.
    """
    if not files.quote:
        return "false"
    quote, comma = re.escape(files.quote), re.escape(files.delimiter)
    other = f"[^{comma}]" if len(files.delimiter) == 1 else f"(?:(?!{comma}).)"
    bare = f"(?!{quote}|{comma}){other}{other}*+"
    field = f"(?:{quoted(files)}|{bare}|)"
    pattern = sql.literal(f"^{field}(?:{comma}{field})*+$")
    return f"not rlike({raw}, {pattern})"


def quoted(files: FileFormat) -> str:
    """Return the regular expression of a quoted value."""
    quote, escape = re.escape(files.quote), re.escape(files.escape)
    if files.escape in ("", files.quote):
        return f"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+{quote}"
    return f"{quote}[^{quote}{escape}]*+(?:{escape}.[^{quote}{escape}]*+)*+{quote}"


def count_fields(raw: str, files: FileFormat) -> str:
    """Return the SQL that counts the fields of a record whose quotes are in order."""
    bare = raw
    if files.quote:
        bare = f"regexp_replace({bare}, {sql.literal(quoted(files))}, '')"
    others = f"replace({bare}, {sql.literal(files.delimiter)}, '')"
    return f"(cast((length({bare}) - length({others})) / {len(files.delimiter)} as int) + 1)"


def without_surplus(raw: str, names: int, files: FileFormat) -> str:
    """Return the SQL of a record without the delimiters at its end that the header lacks."""
    mark = sql.literal(files.delimiter)
    surplus = f"({count_fields(raw, files)} - {names})"
    tail = f"{surplus} * {len(files.delimiter)}"
    only = f"{surplus} > 0 and endswith({raw}, repeat({mark}, {surplus}))"
    cut = f"if({only}, left({raw}, length({raw}) - {tail}), {raw})"
    return f"if(endswith({raw}, {mark}), {cut}, {raw})"
