"""Lines of JSON of which the shape is known, read by one regular expression instead of a parser.

Most files hold the same names in the same order in every line. A line that has those of the first,
plain values and no escapes is taken apart as it stands, every digit of its numbers included; any
other line is for the parser. A pattern matches what JSON allows (RFC 8259) and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from spark_jobs import sql

_MARK = "\x01"  # JSON has no such character outside of escapes
_OBJECT = r"^[ \t\r]*+\{"
_MOST_NAMES = 200  # the pattern's depth, and so Java's stack, grows with them
_BLANK = r"[ \t\r]*+"
# Each character by itself: Java looks those up in a table, and compares with a range.
_CONTROLS = "".join(f"\\x{code:02x}" for code in range(32))
_TEXT = rf'"([^"\\{_CONTROLS}]*+)"'
# Written as a number that was parsed is written again: no zero at the end, no exponent.
_OTHER = r"(true|false|0|-?[1-9][0-9]{0,17}(?:\.[0-9]{0,16}[1-9])?|-?0\.[0-9]{0,16}[1-9])"
_VALUE = f"(?:{_TEXT}|{_OTHER}|null)"


def plain_names(line: str) -> tuple[str, ...]:
    """Return the names of a line's object in its order; () where the parser has to read such lines.

    That is when a name is there twice or not written as it is, or when there are too many.
    """
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except ValueError:
        return ()
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        return ()
    names = tuple(name for name, _ in pairs)
    written = all(_quoted(name) in line and name.isprintable() for name in names)
    return names if written and len(set(names)) == len(names) <= _MOST_NAMES else ()


def marked(raw: str, names: Sequence[str]) -> str:
    """Return the SQL of the values of a plain line, each after a mark; of other lines themselves.

    NULL is an empty text.
    """
    values = f"{_BLANK},{_BLANK}".join(
        f"{re.escape(_quoted(name))}{_BLANK}:{_BLANK}{_VALUE}" for name in names
    )
    pattern = sql.literal(rf"\A\{{{_BLANK}{values}{_BLANK}\}}{_BLANK}\z")
    groups = "".join(f"{_MARK}${2 * at + 1}${2 * at + 2}" for at in range(len(names)))
    return f"regexp_replace({raw}, {pattern}, {sql.literal(groups)})"


def is_plain(raw: str, text: str) -> str:
    """Return the condition that a line is plain, from what `marked` made of it."""
    return f"startswith({text}, {sql.literal(_MARK)}) and startswith({raw}, '{{')"


def split(text: str) -> str:
    """Return the SQL of the array of a plain line's values, from what `marked` made of it."""
    return f"split(substring({text}, 2), {sql.literal(_MARK)}, -1)"


def parse(raw: str) -> str:
    """Return the SQL of a line as a variant, for the functions below; NULL if it is no JSON.

    It is put into an array, and something after it, because Spark's parser stops at the end of a
    value: what follows must not be lost. An object with a name twice is NULL too.
    """
    return f"try_parse_json(concat('[', {raw}, ',0]'))"


def is_broken(raw: str, parsed: str) -> str:
    """Return the condition that a line is not one object and nothing else."""
    alone = f"try_variant_get({parsed}, '$[1]', 'string') <=> '0'"
    alone += f" and variant_get({parsed}, '$[2]', 'variant') is null"
    return f"not ({alone} and rlike({raw}, {sql.literal(_OBJECT)}))"


def value_of(parsed: str, names: Iterable[str]) -> str:
    """Return the SQL of a column's text, the first under its names that is not NULL.

    Digits of numbers are all there, objects are JSON.
    """
    return f"coalesce({', '.join(_value_of(parsed, name) for name in names)})"


def values_of(parsed: str) -> str:
    """Return the SQL of the map of all values' texts."""
    return f"try_variant_get({parsed}, '$[0]', 'map<string, string>')"


def _value_of(parsed: str, name: str) -> str:
    if "?" in name or ('"' in name and "'" in name):  # Spark's paths have no way to write it
        return f"element_at({values_of(parsed)}, {sql.literal(name)})"
    mark = "'" if '"' in name else '"'
    return f"variant_get({parsed}, {sql.literal(f'$[0][{mark}{name}{mark}]')}, 'string')"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
