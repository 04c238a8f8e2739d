"""Answers that come in one piece, read in one go."""

from __future__ import annotations

import functools
import struct

from infra.local.redshift.protocol import messages
from infra.local.redshift.translate.long_names import whole_bytes

# Bytes of an answer that is read in one go, and of a row's description that is remembered.
_WHOLE, _REMEMBERED = 16_384, 4_000
_HEADER = struct.Struct("!BI")
_T, _C, _Z = b"TCZ"
_PASSED = frozenset(b"12nD")
_READY = 6  # bytes of a ReadyForQuery


def answered(buffer: bytearray, tag: str | None) -> tuple[bytes, bytes, bytes] | None:
    """What the client gets for a buffer that holds one whole answer of rows and nothing else.

    Beside it the completion tag and the transaction's status. None for any other buffer. `tag`
    replaces PostgreSQL's.
    """
    size = len(buffer)
    if not _READY <= size <= _WHOLE or buffer[-_READY] != _Z:
        return None
    position, described, completed = 0, (0, 0), (0, 0)
    while position + _READY < size:
        kind, length = _HEADER.unpack_from(buffer, position)
        end = position + 1 + length
        if kind == _T:
            described = position, end
        elif kind == _C:
            completed = position, end
        elif kind not in _PASSED:
            return None
        position = end
    if position + _READY != size or not completed[1]:
        return None
    data = bytes(buffer)
    told = data[completed[0] + 5 : completed[1]]
    if tag is not None:
        data = data[: completed[0]] + messages.command_complete(tag) + data[completed[1] :]
    if described[1]:
        start, end = described
        columns = _columns(data[start + 5 : end])
        data = b"".join((data[:start], columns, data[end:]))
    return data, told, data[-1:]


def _columns(payload: bytes) -> bytes:
    """The RowDescription with Redshift's types."""
    if b"~" in payload or len(payload) > _REMEMBERED:  # names that the gateway may learn meanwhile
        return messages.message(b"T", messages.redshift_types(payload, whole_bytes))
    return _columns_again(payload)


@functools.lru_cache(maxsize=1_024)
def _columns_again(payload: bytes) -> bytes:
    return messages.message(b"T", messages.redshift_types(payload, whole_bytes))
