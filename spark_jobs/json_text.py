"""Lines of JSON as SQL: cut up by a pattern where they are like the first, else read as a variant.

Most files hold the same names in the same order in every line. A line is plain when it is, from end
to end, what the file's first line has between values, with values between that are written as they
are read: then nothing else is in it, and no name is there twice. One regular expression says so and
takes the values out. Any other line is read as a variant, which takes longer and keeps every digit
and every name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spark_jobs import sql
from spark_jobs.flaws import UNREADABLE

_MARK = "\x01"  # JSON has no such character outside of escapes
_OBJECT = r"^[ \t\r]*+\{"
_END = r"\z"
_MOST_NAMES = 200  # Java's regular expressions call themselves for each
_BLANK = r"[ \t\r]*+"
_NAME = r'"([^"\\\x00-\x1f]*+)"'
_TEXT = r'"(?:[^"\\\x00-\x1f]|\\.)*+"'
_NUMBER = r"-?[0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?"
# Written as a variant is written again: no zero at the end, no exponent.
_OTHER = r"(?:true|false|0|-?[1-9][0-9]{0,17}(?:\.[0-9]{0,16}[1-9])?|-?0\.[0-9]{0,16}[1-9])"
# Each character by itself, as Java asks for ranges one after the other, and as short as can be:
# Spark compares the pattern with that of the line before.
_PLAIN_TEXT = r'[^"\\\x00' + "".join(chr(code) for code in range(1, 32)) + "]*"
_PAIR = re.compile(rf"{_NAME}{_BLANK}:{_BLANK}({_TEXT}|{_NUMBER}|true|false|null)")


@dataclass(frozen=True)
class Plain:
    """How plain lines are written: their names, and what stands before, between and after values.

    Of `bare` names the values are written without quotes: numbers, true and false.
    """

    names: tuple[str, ...]
    between: tuple[str, ...]
    bare: frozenset[str]


def plain_shape(lines: Sequence[str]) -> str:
    """Return how lines like the first are written, for `plain`; '' if none of them can be plain.

    That is so when it is no object, or has a value of several, or a name twice or not written as it
    is, or too many. The lines after it tell how values are written that the first one lacks.
    """
    pairs = list(_PAIR.finditer(lines[0]))
    names = [pair[1] for pair in pairs]
    between = _PAIR.sub(lambda pair: pair[0][: pair.start(2) - pair.start()] + _MARK, lines[0])
    shape = rf"\{{{_BLANK}{_PAIR.pattern}(?:{_BLANK},{_BLANK}{_PAIR.pattern})*+{_BLANK}\}}{_BLANK}"
    if not re.fullmatch(shape, lines[0]) or not len(set(names)) == len(names) <= _MOST_NAMES:
        return ""
    if not all(name.isprintable() for name in names):
        return ""
    bare = [name for name in names if _is_bare(name, lines)]
    return json.dumps([names, between.split(_MARK), bare], ensure_ascii=False)


def plain(shape: str, owners: Mapping[str, str]) -> Plain | None:
    """Return what `plain_shape` said; None for '', or if two names are one column's (`owners`)."""
    if not shape:
        return None
    names, between, bare = json.loads(shape)
    claimed = [owners[name] for name in names if name in owners]
    if len(set(claimed)) < len(claimed):
        return None
    return Plain(tuple(names), tuple(between), frozenset(bare))


def _is_bare(name: str, lines: Iterable[str]) -> bool:
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:  # the last line of a file's head is cut off
            continue
        value = found.get(name) if isinstance(found, dict) else None
        if value is not None:
            return not isinstance(value, str)
    return False


def take_plain(raw: str, shape: Plain) -> str:
    """Return the SQL of a plain line's values, each after a mark; of another line it is the line.

    A value that is null is an empty text: where the contract's rules begin, they are the same.
    """
    pattern = f"^{re.escape(shape.between[0])}"
    for name, after in zip(shape.names, shape.between[1:], strict=True):
        value = f"(?:({_OTHER})|null)" if name in shape.bare else f'(?:"({_PLAIN_TEXT})"|null)'
        pattern += value + re.escape(after)
    values = "".join(f"{_MARK}${at}" for at in range(1, len(shape.names) + 1))
    return f"regexp_replace({raw}, {sql.literal(pattern + _END)}, {sql.literal(values)})"


def is_plain(raw: str, shape: Plain, taken: str) -> str:
    """Return the condition that a line is plain and readable, from what `take_plain` made of it."""
    begins = f"startswith({raw}, {sql.literal(shape.between[0])})"
    marked = f"startswith({taken}, {sql.literal(_MARK)})"
    return f"{begins} and {marked} and not {sql.holds(taken, UNREADABLE)}"


def values_of_plain(taken: str) -> str:
    """Return the SQL of the array of a plain line's values, behind one more text."""
    return f"split({taken}, {sql.literal(_MARK)}, -1)"


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
