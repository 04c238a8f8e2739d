"""The Redshift types that a contract may use.

Names and aliases: Amazon Redshift Database Developer Guide, "Data types" (c_Supported_data_types).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ALIASES = {
    "int2": "smallint",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "decimal": "numeric",
    "float4": "real",
    "float": "double precision",
    "float8": "double precision",
    "bool": "boolean",
    "character": "char",
    "character varying": "varchar",
    "timestamp without time zone": "timestamp",
}
PLAIN = (
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "boolean",
    "date",
    "timestamp",
    "super",
)
MAX_LENGTH = {"varchar": 65535, "char": 4096}
MAX_PRECISION = 38


@dataclass(frozen=True)
class RedshiftType:
    """A Redshift type: canonical name and its parameters (bytes, or precision and scale)."""

    name: str
    parameters: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> RedshiftType:
        """Parse a declared type; raises ValueError that lists what may be written."""
        match = re.fullmatch(
            r"([a-z][a-z0-9 ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?", text.strip().lower()
        )
        if match is not None:
            name = ALIASES.get(match[1], match[1])
            parameters = tuple(int(p) for p in match.groups()[1:] if p is not None)
            if (name in PLAIN and not parameters) or cls._fits(name, parameters):
                return cls(name, parameters)
        raise ValueError(
            f"data_type is {text!r}: write one of {', '.join(PLAIN)}, numeric(p,s), char(bytes) or "
            "varchar(bytes)"
        )

    @staticmethod
    def _fits(name: str, parameters: tuple[int, ...]) -> bool:
        if name in MAX_LENGTH:
            return len(parameters) == 1 and 1 <= parameters[0] <= MAX_LENGTH[name]
        if name == "numeric":
            return (
                len(parameters) == 2
                and 1 <= parameters[0] <= MAX_PRECISION
                and parameters[1] <= parameters[0]
            )
        return False

    @property
    def is_temporal(self) -> bool:
        """Whether raw text needs a format to become it."""
        return self.name in {"date", "timestamp"}

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.name in {"smallint", "integer", "bigint", "numeric", "real", "double precision"}

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({','.join(str(p) for p in self.parameters)})"
