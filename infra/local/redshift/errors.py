"""Errors that clients see: SQLSTATE, message, detail, hint, position."""

from __future__ import annotations

import re
from collections.abc import Callable

from infra.local.redshift.missing import MISSING, TOLD
from infra.local.redshift.protocol.messages import fields_message

SYNTAX_ERROR = "42601"
NOT_SUPPORTED = "0A000"
UNDEFINED_TABLE = "42P01"
INVALID_NAME = "42602"
NAME_TOO_LONG = "42622"
INVALID_PASSWORD = "28000"  # noqa: S105 an SQLSTATE
UNDEFINED_DATABASE = "3D000"
INVALID_CURSOR_STATE = "24000"
INTERNAL_ERROR = "XX000"
PROTOCOL_VIOLATION = "08P01"
CONNECTION_FAILURE = "08006"
STRING_TRUNCATION = "22001"
NUMERIC_OVERFLOW = "22003"
QUERY_CANCELED = "57014"
PROGRAM_LIMIT = "54000"
STATEMENT_TOO_COMPLEX = "54001"


class GatewayError(Exception):
    """An error for the client; `position` counts characters of the statement from 1."""

    def __init__(
        self,
        sqlstate: str,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.context = ""  # where PostgreSQL was, in its words
        self.in_failed = False  # PostgreSQL's transaction has failed with it already

    def wire(self, severity: str = "ERROR") -> bytes:
        """The ErrorResponse."""
        fields = [("S", severity), ("V", severity), ("C", self.sqlstate), ("M", self.message)]
        if self.detail:
            fields.append(("D", self.detail))
        if self.hint:
            fields.append(("H", self.hint))
        if self.position is not None:
            fields.append(("P", str(self.position)))
        return fields_message(b"E", fields)


def refused(
    what: str, sql: str, *, hint: str | None = None, position: int | None = None
) -> GatewayError:
    """The error for what the gateway does not do: names it and shows the statement's start."""
    error = GatewayError(
        NOT_SUPPORTED,
        f"{what} is not supported by the local Redshift gateway",
        hint=hint,
        position=position,
    )
    show_statement(error, sql)
    return error


def show_statement(error: GatewayError, sql: str) -> None:
    """Let a refusal show this statement's start."""
    if error.sqlstate == NOT_SUPPORTED:
        start = " ".join(sql.split())
        error.detail = f"Statement: {start if len(start) <= 80 else start[:77] + '...'}"


def isolation_violation(table: str, transactions: str) -> GatewayError:
    """Error 1023: number as the message, the rest as the detail, SQLSTATE XX000.

    The fields as a client got them: https://github.com/aws/aws-sdk-pandas/issues/665
    """
    return GatewayError(
        INTERNAL_ERROR,
        "1023",
        detail=f"Serializable isolation violation on {table}, "
        f"transactions forming the cycle are: {transactions}",
    )


def concurrent_transaction() -> GatewayError:
    """The conflict that DDL meets: https://github.com/dbt-labs/dbt-adapters/issues/626."""
    return GatewayError(
        INTERNAL_ERROR, "could not complete because of conflict with concurrent transaction"
    )


# Between database and schema in PostgreSQL's name for a schema of another database
# (catalog/15_databases.sql): what no client's name has, and no white space.
SEPARATOR = "\x01"
# Errors whose whole text is another in Redshift.
_REWORDED = {
    "23502": "Cannot insert a NULL value into column {column}",
    "428C9": "cannot set an identity column to a value",
}
_SYSTEM_VIEW = re.compile(
    r'relation "(?:pg_catalog\.)?((?:svv|svl|stv|stl|svcs|sys)_\w+)" does not exist'
)
_FUNCTION = re.compile(r"function (\w+)\(.*\) does not exist")


# … and that of PostgreSQL's function which reads no literal (catalog/28_varbyte.sql).
_TEXTS = {
    "cannot accept a value of type pg_node_tree": "A literal as VARBYTE without a cast is not "
    "supported by the local Redshift gateway"
}


def _missing(text: str) -> str | None:
    """What the gateway lacks and Redshift has, by PostgreSQL's error about it; None for others."""
    function = _FUNCTION.match(text)
    if _SYSTEM_VIEW.fullmatch(text):
        return "The local Redshift gateway does not have this system view."
    if function is None:
        return None
    if function.group(1).startswith("st_"):
        return "The local Redshift gateway has no spatial functions."
    return TOLD if function.group(1) in MISSING else None


def redshift_fields(
    fields: dict[str, str], to_original: Callable[[int], int] | None, database: str = ""
) -> dict[str, str]:
    """PostgreSQL's error fields as Redshift would word them in a session of a database.

    Positions are those in the client's SQL.
    """
    mapped = {**fields, "M": fields.get("M", "").replace("pg_internal.", "")}
    code, text = fields.get("C", ""), fields.get("M", "")
    position = mapped.pop("P", None)
    if position is not None and to_original is not None:
        mapped["P"] = str(to_original(int(position) - 1) + 1)
    for noise in ("F", "L", "R", "q", "p", "W"):
        mapped.pop(noise, None)
    for field in ("M", "D"):
        if SEPARATOR in mapped.get(field, ""):
            own = mapped[field].replace(database + SEPARATOR, "")
            mapped[field] = own.replace(SEPARATOR, ".")
    missing = _missing(text)
    if missing is not None:
        mapped["D"] = missing
        mapped.pop("H", None)
    mapped["M"] = _TEXTS.get(text, mapped.get("M", "").replace('role "role:', 'role "'))
    name = fields.get("n", "")
    if code == "23514" and name.startswith("rs_bytes_"):
        kind, size = name.split("_")[2:4]
        type_name = "character varying" if kind == "varchar" else "character"
        mapped = {
            "S": "ERROR",
            "V": "ERROR",
            "C": STRING_TRUNCATION,
            "M": f"value too long for type {type_name}({size})",
        }
    elif text == "MERGE command cannot affect row a second time":
        mapped["M"] = "Found multiple matches to update the same tuple."
        mapped.pop("H", None)
    elif code == "40001" or "concurrently updated" in text or "concurrently deleted" in text:
        conflict = isolation_violation("table - 0", "1, 2 (pid:0)")  # PostgreSQL names neither
        mapped |= {"C": conflict.sqlstate, "M": conflict.message, "D": conflict.detail or ""}
        mapped["H"] = f"PostgreSQL behind the local gateway says: {text}"
    elif code == NUMERIC_OVERFLOW and text == "numeric field overflow":
        mapped["M"] = "Numeric data overflow (result precision)"
    elif code in _REWORDED:
        told = _REWORDED[code].format(column=fields.get("c", ""))
        mapped = {"S": "ERROR", "V": "ERROR", "C": code, "M": told}
    return mapped


def wire_fields(kind: bytes, fields: dict[str, str]) -> bytes:
    """An error or notice message from its fields."""
    return fields_message(kind, fields.items())
