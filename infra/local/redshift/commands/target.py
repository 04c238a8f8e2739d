"""The table that COPY loads: its columns as PostgreSQL's catalog has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.errors import UNDEFINED_TABLE, GatewayError
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.translate.parser import literal, quote


@dataclass(frozen=True)
class Column:
    """One target column; `size` is the length of VARCHAR/CHAR in bytes or (precision, scale)."""

    name: str
    type: str  # PostgreSQL's internal name: int2, varchar, numeric …
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    not_null: bool = False
    number: int = 0  # its place in the table, from 0

    @property
    def shown_type(self) -> str:
        """The type as the load-error views write it."""
        return {"bpchar": "char"}.get(self.type, self.type)

    @property
    def redshift_type(self) -> str:
        """The type as Redshift's messages write it."""
        names = {
            "int2": "SMALLINT",
            "int4": "INT",
            "int8": "BIGINT",
            "float4": "REAL",
            "float8": "DOUBLE",
            "bool": "BOOLEAN",
            "date": "DATE",
            "timestamp": "TIMESTAMP",
            "timestamptz": "TIMESTAMPTZ",
        }
        if self.type == "numeric":
            return f"DECIMAL({self.precision},{self.scale})"
        if self.type in ("varchar", "bpchar"):
            return f"{'VARCHAR' if self.type == 'varchar' else 'CHAR'}({self.length})"
        return names.get(self.type, self.type.upper())


@dataclass(frozen=True)
class Target:
    """The table and the columns that the files' columns go to, in order."""

    oid: int
    name: str
    sql_name: str
    columns: tuple[Column, ...]


async def find_target(statement: CopyStatement, relay: Relay) -> Target:
    """Look the table up; raises GatewayError when table or column do not exist."""
    name = quote(*(statement.stored_in or statement.table))
    rows = await relay.hidden_query(
        "select c.oid, c.relkind, a.attname, t.typname, a.atttypmod, "  # noqa: S608 a quoted name
        "a.attnotnull, a.attidentity "
        "from pg_catalog.pg_class as c "
        "left join pg_catalog.pg_attribute as a "
        "on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
        "left join pg_catalog.pg_type as t on t.oid = a.atttypid "
        f"where c.oid = pg_catalog.to_regclass({literal(name)}) order by a.attnum"
    )
    shown = ".".join(statement.table)
    if not rows:
        raise GatewayError(UNDEFINED_TABLE, f"Cannot COPY into nonexistent table {shown}")
    if rows[0][1] != "r":
        raise GatewayError("42809", f'cannot COPY into "{shown}": it is not a table')
    columns = {
        str(row[2]): replace(
            _column(str(row[2]), str(row[3]), int(str(row[4])), row[5] == "t"), number=number
        )
        for number, row in enumerate(rows)
        if row[2] is not None
        and (not row[6] or statement.explicit_ids or str(row[2]) in statement.columns)
    }
    chosen = statement.columns or tuple(columns)
    for wanted in chosen:
        if wanted not in columns:
            raise GatewayError("42703", f'column "{wanted}" of relation "{shown}" does not exist')
    for wanted in chosen:
        if columns[wanted].type == "varbyte":
            raise GatewayError(
                "0A000",
                f"COPY of VARBYTE ({wanted}) is not supported by the local Redshift gateway",
            )
    return Target(int(str(rows[0][0])), shown, name, tuple(columns[wanted] for wanted in chosen))


def _column(name: str, kind: str, modifier: int, not_null: bool) -> Column:
    if kind in ("varchar", "bpchar"):
        length = modifier - 4 if modifier > 4 else 65535
        return Column(name, kind, length=length, not_null=not_null)
    if kind == "numeric" and modifier > 4:
        packed = modifier - 4
        return Column(
            name, kind, precision=packed >> 16 & 0xFFFF, scale=packed & 0x7FF, not_null=not_null
        )
    return Column(name, kind, not_null=not_null)
