"""Building and reading protocol messages.

Formats: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

PROTOCOL_3 = 196608
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104

# The largest message taken from a client, in bytes. Redshift's own limit on a statement is 16 MB;
# Bind messages carry parameter values as well.
MAX_MESSAGE = 128 * 1024 * 1024

OID_TEXT = 25
OID_VARCHAR = 1043
OID_JSON, OID_SUPER = 114, 4000
_LAST_TAG = re.compile(rb"C.{4}([A-Z ]+[0-9]*)\0\Z", re.DOTALL)
_TOLD = {OID_TEXT: OID_VARCHAR, OID_JSON: OID_SUPER}


class ProtocolError(Exception):
    """The client sent bytes that are not the protocol; the session ends."""


def message(kind: bytes, payload: bytes = b"") -> bytes:
    """One message: type byte, length (which counts itself), payload."""
    return kind + (len(payload) + 4).to_bytes(4, "big") + payload


def cstring(text: str) -> bytes:
    """A zero-terminated UTF-8 string; raises ProtocolError on an embedded zero."""
    if "\0" in text:
        raise ProtocolError("a string contains a zero byte")
    return text.encode() + b"\0"


def read_cstring(payload: bytes, offset: int = 0) -> tuple[str, int]:
    """The zero-terminated string at an offset and the offset after it."""
    end = payload.find(b"\0", offset)
    if end < 0:
        raise ProtocolError("a string is not terminated")
    try:
        return payload[offset:end].decode(), end + 1
    except UnicodeDecodeError as error:
        raise ProtocolError("a string is not valid UTF-8") from error


def fields_message(kind: bytes, fields: Iterable[tuple[str, str]]) -> bytes:
    """An ErrorResponse (`E`) or NoticeResponse (`N`) from (field type, value) pairs."""
    body = b"".join(
        code.encode() + value.replace("\0", "?").encode(errors="replace") + b"\0"
        for code, value in fields
    )
    return message(kind, body + b"\0")


def read_fields(payload: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their one-letter type."""
    fields: dict[str, str] = {}
    for part in payload.split(b"\0"):
        if part:
            fields[chr(part[0])] = part[1:].decode(errors="replace")
    return fields


def startup(parameters: Mapping[str, str]) -> bytes:
    """A StartupMessage for PostgreSQL."""
    body = PROTOCOL_3.to_bytes(4, "big")
    for name, value in parameters.items():
        body += cstring(name) + cstring(value)
    body += b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def read_startup(payload: bytes) -> dict[str, str]:
    """Parameters of a StartupMessage (payload after the protocol number)."""
    parameters: dict[str, str] = {}
    offset = 0
    while offset < len(payload) and payload[offset] != 0:
        name, offset = read_cstring(payload, offset)
        value, offset = read_cstring(payload, offset)
        parameters[name] = value
    return parameters


def cancel_request(pid: int, key: bytes) -> bytes:
    """A CancelRequest for a backend."""
    body = CANCEL_REQUEST.to_bytes(4, "big") + pid.to_bytes(4, "big") + key
    return (len(body) + 4).to_bytes(4, "big") + body


def query(sql: str) -> bytes:
    """A simple Query."""
    return message(b"Q", cstring(sql))


def parse(name: str, sql: str, types: bytes = b"\0\0") -> bytes:
    """A Parse; `types` is the wire form of the parameter types (count and oids)."""
    return message(b"P", cstring(name) + cstring(sql) + types)


def bind_text(portal: str, statement: str, values: Iterable[str | None]) -> bytes:
    """A Bind with text parameters and text results."""
    body = cstring(portal) + cstring(statement) + b"\0\0"
    listed = list(values)
    body += len(listed).to_bytes(2, "big")
    for value in listed:
        if value is None:
            body += b"\xff\xff\xff\xff"
        else:
            raw = value.encode()
            body += len(raw).to_bytes(4, "big") + raw
    return message(b"B", body + b"\0\0")


def execute(portal: str) -> bytes:
    """An Execute without a row limit."""
    return message(b"E", cstring(portal) + b"\0\0\0\0")


SYNC = message(b"S")
FLUSH = message(b"H")
PARSE_COMPLETE = message(b"1")
BIND_COMPLETE = message(b"2")
CLOSE_COMPLETE = message(b"3")
NO_DATA = message(b"n")
EMPTY_QUERY = message(b"I")
COPY_DONE = message(b"c")


def data_row(value: str) -> bytes:
    """A DataRow of one text value."""
    raw = value.encode()
    return message(b"D", b"\0\1" + len(raw).to_bytes(4, "big") + raw)


def command_complete(tag: str) -> bytes:
    """A CommandComplete with its tag."""
    return message(b"C", cstring(tag))


def last_tag(data: bytes) -> bytes:
    """The completion tag of the CommandComplete that messages end with, empty when it is none."""
    found = _LAST_TAG.search(data)
    return found.group(1) if found else b""


def without_completion(data: bytes) -> bytes:
    """Messages without the CommandComplete that they end with."""
    found = _LAST_TAG.search(data)
    return data[: found.start()] if found else data


def ready(status: bytes) -> bytes:
    """A ReadyForQuery: `I` idle, `T` in a transaction, `E` in a failed one."""
    return message(b"Z", status)


def parameter_status(name: str, value: str) -> bytes:
    """A ParameterStatus."""
    return message(b"S", cstring(name) + cstring(value))


def copy_fail(reason: str) -> bytes:
    """A CopyFail."""
    return message(b"f", cstring(reason))


def read_data_row(payload: bytes) -> list[str | None]:
    """The text values of a DataRow."""
    (count,) = struct.unpack_from("!H", payload)
    offset = 2
    values: list[str | None] = []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", payload, offset)
        offset += 4
        if size < 0:
            values.append(None)
        else:
            values.append(payload[offset : offset + size].decode())
            offset += size
    return values


def redshift_types(payload: bytes, whole: Callable[[bytes], bytes]) -> bytes:
    """A RowDescription payload with Redshift's types for those that it does not have.

    Literals and string functions are VARCHAR in Redshift; JSON is how SUPER is held here. `whole`
    gives the names that PostgreSQL cannot store.
    """
    raw = bytearray(payload)
    if b"~" in payload:
        raw = bytearray(whole(payload))
    (count,) = struct.unpack_from("!H", raw)
    offset = 2
    for _ in range(count):
        offset = raw.index(0, offset) + 1 + 6  # name, table oid, column number
        told = _TOLD.get(int.from_bytes(raw[offset : offset + 4], "big"))
        if told is not None:
            raw[offset : offset + 4] = told.to_bytes(4, "big")
        offset += 12  # type oid, size, modifier, format
    return bytes(raw)


@dataclass(frozen=True)
class ParseMessage:
    """A client's Parse."""

    name: str
    sql: str
    types: bytes

    @staticmethod
    def read(payload: bytes) -> ParseMessage:
        """Take a Parse payload apart; raises ProtocolError when it is truncated."""
        name, offset = read_cstring(payload)
        sql, offset = read_cstring(payload, offset)
        types = payload[offset:]
        if len(types) < 2 or len(types) != 2 + 4 * int.from_bytes(types[:2], "big"):
            raise ProtocolError("a Parse message is truncated")
        return ParseMessage(name, sql, types)
