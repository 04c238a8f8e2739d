"""Rows that COPY cannot load: Redshift's error numbers and texts.

Numbers: https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from infra.local.redshift.commands.target import Column
from infra.local.redshift.errors import GatewayError


class Code(enum.IntEnum):
    """Numbers of load errors."""

    EXTRA_COLUMNS = 1202
    TOO_LONG = 1204
    DATE = 1205
    TIMESTAMP = 1206
    DIGIT = 1207
    FLOAT = 1208
    BOOLEAN = 1210
    NULL_IN_NOT_NULL = 1213
    DELIMITER = 1214
    LINE = 1216
    NUL = 1218
    CHARACTERS = 1220
    ENCODING = 1221
    OVERFLOW = 1222
    JSON = 1224


class Fault(Exception):
    """Why a value or a line is not loaded; `position` is where in it, from 0."""

    def __init__(self, code: Code, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.code, self.reason, self.position = code, reason, position


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that is not loaded, as the load-error views show it."""

    file: str
    line: int
    code: int
    reason: str
    raw_line: str = ""
    raw_value: str = ""
    column: Column | None = None
    position: int = 0
    # Columns up to the failing one with the values that were read.
    values: tuple[tuple[Column, str], ...] = ()


class LoadFailed(GatewayError):
    """Too many rows were rejected; the load-error views tell which."""

    def __init__(self, table: str) -> None:
        super().__init__(
            "XX000",
            f"Load into table '{table}' failed.  Check 'stl_load_errors' system table for details.",
        )


class Rejects:
    """The rejected rows of one load and how many it may have."""

    # Rows that are kept for the views; further ones are counted only.
    KEPT = 10_000

    def __init__(self, table: str, limit: int | None) -> None:
        self._table = table
        self._limit = limit
        self.count = 0
        self.rows: list[RejectedRow] = []

    def add(self, row: RejectedRow) -> None:
        """Take a row; raises LoadFailed when MAXERROR is reached (0 and 1: at the first)."""
        self.count += 1
        if len(self.rows) < self.KEPT:
            self.rows.append(row)
        if self._limit is not None and self.count >= max(1, self._limit):
            raise LoadFailed(self._table)
