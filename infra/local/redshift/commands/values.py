"""Text to typed columns: a column of a block of rows at a time, as Arrow arrays.

What all values of a column look like is asked of Arrow; only a column with a value that is not
plain is read value by value. Conversions:
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from infra.local.redshift.commands.copy_statement import CopyStatement, Format
from infra.local.redshift.commands.datetimes import DEFAULT_DATE, date_reader, timestamp_reader
from infra.local.redshift.commands.encoding import SURROGATE, arrow_type
from infra.local.redshift.commands.load_errors import Code, Fault
from infra.local.redshift.commands.target import Column

Faults = dict[int, Fault]
_INTEGERS = {
    "int2": ("Short", 2**15),
    "int4": ("Integer", 2**31),
    "int8": ("Long", 2**63),
}
_PLAIN = {
    **dict.fromkeys(_INTEGERS, r"^-?[0-9]{1,18}$"),
    **dict.fromkeys(("float4", "float8"), r"^-?[0-9]{1,17}(\.[0-9]{1,17})?$"),
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "timestamp": r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?$",
}
_TRUE, _FALSE = ("t", "true", "y", "yes", "1"), ("f", "false", "n", "no", "0")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_EXACT = Context(prec=80)


# A string, or blanks between a JSON text's parts.
_SURROGATES = re.compile("[\ud800-\udfff]")
_JSON_BLANKS = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')


class Converter:
    """What turns the text of one column into its type."""

    def __init__(self, column: Column, statement: CopyStatement) -> None:
        self._column, self._statement = column, statement
        self._type = arrow_type(column)
        self._is_text = column.type in ("varchar", "bpchar", "text")
        self._null = None if statement.format is Format.JSON else statement.null_as
        self._read = self._reader()
        self._form = self._plain_form()

    def convert(self, values: Sequence[str | None]) -> tuple[pa.Array, Faults]:
        """The column's array and the faults by row; a faulty row's value is NULL."""
        faults: Faults = {}
        try:
            array = pa.array(values, pa.string())
        except UnicodeEncodeError:
            array = pa.array(self._valid(values, faults), pa.string())
        if self._null is not None:
            array = pc.if_else(pc.equal(array, self._null), None, array)
        array = self._text(array, faults) if self._is_text else self._typed(array, faults)
        if self._column.not_null and array.null_count:
            for row in pc.indices_nonzero(pc.is_null(array)).to_pylist():
                faults.setdefault(
                    row, Fault(Code.NULL_IN_NOT_NULL, "Missing data for not-null field")
                )
        return array, faults

    def _valid(self, values: Sequence[str | None], faults: Faults) -> list[str | None]:
        """Values without bytes that are no UTF-8 (they came as lone surrogates)."""
        out: list[str | None] = []
        replacement = self._statement.replacement
        for row, value in enumerate(values):
            if value is None or not SURROGATE.search(value):
                out.append(value)
            elif replacement is not None and self._is_text:
                out.append(SURROGATE.sub(replacement, value))
            else:
                bad = bytes(ord(c) & 0xFF for c in SURROGATE.findall(value)).hex()
                faults[row] = Fault(
                    Code.CHARACTERS,
                    "String contains invalid or unsupported UTF8 codepoints. "
                    f"Bad UTF8 hex sequence: {bad} (error 4)",
                )
                out.append(None)
        return out

    def _text(self, array: pa.Array, faults: Faults) -> pa.Array:
        """VARCHAR and CHAR: blanks, the empty string, the length in bytes."""
        statement, column = self._statement, self._column
        if statement.blanks_as_null:
            blank = pc.and_(pc.equal(pc.utf8_trim_whitespace(array), ""), pc.not_equal(array, ""))
            array = pc.if_else(blank, None, array)
        if statement.trim_blanks and column.type == "varchar":
            array = pc.utf8_rtrim_whitespace(array)
        if statement.empty_as_null:
            array = pc.if_else(pc.equal(array, ""), None, array)
        if column.type == "bpchar" and pc.all(pc.string_is_ascii(array)).as_py() is False:
            array = self._each(array, _single_bytes, pa.string(), faults)
        if pc.any(pc.match_substring(array, "\0")).as_py():
            array = self._each(array, _no_nul, pa.string(), faults)
        if column.length is None:
            return array
        longest = pc.max(pc.binary_length(array)).as_py()
        if longest is None or longest <= column.length:
            return array
        length = column.length

        def fit(text: str) -> str:
            raw = text.encode()
            if len(raw) <= length:
                return text
            if statement.truncate_columns:
                return raw[:length].decode(errors="ignore")
            raise Fault(Code.TOO_LONG, "String length exceeds DDL length")

        return self._each(array, fit, pa.string(), faults)

    def _typed(self, array: pa.Array, faults: Faults) -> pa.Array:
        """Everything else; an empty or blank field is NULL."""
        array = pc.utf8_trim_whitespace(array)
        array = pc.if_else(pc.equal(array, ""), None, array)
        if array.null_count == len(array):
            return pa.nulls(len(array), self._type)
        try:
            plain = self._plain(array)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            plain = None
        if plain is not None:
            return plain
        return self._each(array, self._read, self._type, faults)

    def _plain(self, array: pa.Array) -> pa.Array | None:
        """The array by Arrow's own casts; None unless every value is of the plain form."""
        if self._column.type == "bool":
            found = pc.index_in(pc.utf8_lower(array), pa.array([*_TRUE, *_FALSE]))
            return pc.less(found, len(_TRUE)) if found.null_count == array.null_count else None
        if self._form is None:
            return None
        if pc.all(pc.match_substring_regex(array, self._form)).as_py() is False:
            return None
        if self._column.type in _INTEGERS:
            array = array.cast(pa.int64())
        return array.cast(self._type)

    def _plain_form(self) -> str | None:
        """A regular expression of values that Arrow reads as COPY does; None for none."""
        column, kind = self._column, self._column.type
        if kind == "numeric":
            scale = column.scale or 0
            fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
            return rf"^-?[0-9]{{1,{max((column.precision or 18) - scale, 1)}}}{fraction}$"
        if kind == "date" and self._statement.date_format not in (None, DEFAULT_DATE, "auto"):
            return None
        if kind == "timestamp" and self._statement.time_format not in (None, "auto"):
            return None
        return _PLAIN.get(kind)

    def _each(
        self, array: pa.Array, read: Callable[[str], Any], kind: pa.DataType, faults: Faults
    ) -> pa.Array:
        """The array value by value; equal values are read once."""
        known = functools.lru_cache(maxsize=4096)(read)
        out: list[Any] = []
        for row, value in enumerate(array.to_pylist()):
            try:
                out.append(None if value is None else known(value))
            except Fault as fault:
                if not self._forgiven(fault):
                    faults.setdefault(row, fault)
                out.append(None)
        return pa.array(out, kind)

    def _forgiven(self, fault: Fault) -> bool:
        return self._statement.accept_any_date and fault.code in (Code.DATE, Code.TIMESTAMP)

    def _reader(self) -> Callable[[str], Any]:
        """What reads one value that is not plain."""
        column, statement = self._column, self._statement
        if column.type in _INTEGERS:
            return functools.partial(_integer, column.type)
        if column.type in ("float4", "float8"):
            return functools.partial(_float, column.type == "float4")
        if column.type == "numeric":
            precision, scale = column.precision or 18, column.scale or 0
            return functools.partial(_decimal, precision, scale, statement.round_decimals)
        if column.type == "date":
            return date_reader(statement.date_format)
        if column.type in ("timestamp", "timestamptz"):
            return timestamp_reader(statement.time_format, column.type == "timestamptz")
        return _super if column.type == "super" else _boolean


def _digit(text: str, position: int, kind: str, code: Code = Code.DIGIT) -> Fault:
    shown = text[position] if position < len(text) else ""
    return Fault(code, f"Invalid digit, Value '{shown}', Pos {position}, Type: {kind}", position)


def _first(text: str, allowed: str) -> int:
    """The position of the first character that a number cannot hold."""
    for position, character in enumerate(text):
        if character not in allowed and not (position == 0 and character in "+-"):
            return position
    return len(text)


def _integer(kind: str, text: str) -> int:
    name, bound = _INTEGERS[kind]
    digits = text[1:] if text[:1] in "+-" else text
    if not digits.isascii() or not digits.isdigit():
        raise _digit(text, _first(text, "0123456789"), name)
    value = int(text)
    if not -bound <= value < bound:
        raise Fault(Code.OVERFLOW, f"Overflow, Column type: {name}")
    return value


def _float(single: bool, text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise _digit(text, _first(text, "0123456789.eE+-"), "Double", Code.FLOAT)
    value = float(text)
    limit = 3.4028235e38 if single else float("inf")
    if abs(value) > limit or (abs(value) == float("inf") and "inf" not in text.lower()):
        raise Fault(Code.TOO_LONG, f"Overflow, Column type: {'Real' if single else 'Double'}")
    return value


def _decimal(precision: int, scale: int, rounds: bool, text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise _digit(text, _first(text, "0123456789.eE+-"), "Decimal")
    try:
        value = Decimal(text).quantize(
            Decimal(1).scaleb(-scale), ROUND_HALF_UP if rounds else ROUND_DOWN, _EXACT
        )
    except InvalidOperation:
        value = Decimal("Infinity")
    if value and (not value.is_finite() or value.adjusted() >= precision - scale):
        raise Fault(Code.TOO_LONG, f"Overflow for NUMERIC({precision},{scale})")
    return value


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower in _TRUE:
        return True
    if lower in _FALSE:
        return False
    raise Fault(Code.BOOLEAN, "Unknown boolean format")


def _super(text: str) -> str:
    """JSON without the blanks between its parts, numbers as written."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise Fault(Code.JSON, "Input data is not properly formed JSON for SUPER") from None
    return _JSON_BLANKS.sub(lambda found: _unescaped(found[1] or ""), text)


def _unescaped(string: str) -> str:
    """A JSON string without the escapes that it does not need."""
    if "\\" not in string or "\\u0000" in string:
        return string
    plain = json.dumps(json.loads(string), ensure_ascii=False)
    return plain if plain.isascii() or not _SURROGATES.search(plain) else string


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise Fault(Code.NUL, "Invalid null byte - field longer than 1 byte", text.index("\0"))
    return text


def _single_bytes(text: str) -> str:
    if text.isascii():
        return text
    bad = next(character for character in text if not character.isascii())
    raise Fault(
        Code.CHARACTERS,
        "Multibyte character not supported for CHAR (Hint: Try using VARCHAR). "
        f"Invalid char: {bad.encode().hex(' ')}",
    )
