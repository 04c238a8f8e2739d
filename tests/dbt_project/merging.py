"""The statements that dbt sends to merge a fact, run again without dbt: a hundred times as fast."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dbt_project.warehouse import Warehouse

STATEMENT = re.compile(
    r"On model\.starlift\.(?P<model>\w+): (?:/\*.*?\*/)?(?P<sql>.*?)"
    r"(?=\n(?:\x1b\[0m)?\d\d:\d\d:\d\d\.\d|\Z)",
    re.DOTALL,
)
BATCHES = re.compile(r"(batch_id in) \('[^)]*\)")
WINDOW = re.compile(r"between '[-\d]+' and '[-\d]+'")
NO_BATCH, NO_WINDOW = "''", "between '9999-12-31' and '0001-01-01'"


@dataclass(frozen=True)
class Touched:
    """What the macro `find_touched` finds, from the queries that it sent."""

    batches: str
    window: str
    nothing_known: bool

    def put_into(self, sql: str) -> str:
        """The statement with these literals instead of the recorded ones."""
        return WINDOW.sub(self.window, BATCHES.sub(rf"\1 ({self.batches})", sql))


@dataclass(frozen=True)
class Merge:
    """One incremental run of a fact, as dbt sent it; only what is touched is put in anew."""

    warehouse: Warehouse
    fact: str
    lock: str
    any_row: str
    batches: str
    known: str
    days: str
    make_increment: tuple[str, ...]
    check: str
    change: tuple[str, ...]

    @classmethod
    def recorded(cls, warehouse: Warehouse, fact: str) -> Merge:
        """Run dbt once and take what it sent for an increment that was not empty."""
        log = Path(warehouse.environment["DBT_LOG_PATH"]) / "dbt.log"
        before = log.stat().st_size
        warehouse.built("run", "--select", fact)
        text = log.read_bytes()[before:].decode()
        sent = [m["sql"].strip() for m in STATEMENT.finditer(text) if m["model"] == fact]
        begin = max(at for at, sql in enumerate(sent) if sql.lower() == "begin")
        sent = sent[begin + 1 :]

        def asked(words: str) -> str:
            """The query with these words; it is sent twice, and must be the same."""
            (found,) = {sql for sql in sent if words in sql}
            return found

        verbs = ("create temporary", "insert", "delete")
        acts = [sql for sql in sent if " ".join(sql.lower().split()).startswith(verbs)]
        first_delete = next(at for at, sql in enumerate(acts) if sql.lower().startswith("delete"))
        return cls(
            warehouse=warehouse,
            fact=f"marts.{fact}",
            lock=sent[0],
            any_row=asked("limit 1) as any_row"),
            batches=asked("full outer join"),
            known=asked(f"select count(*) from ops.merged__{fact}"),
            days=asked("as first_day"),
            make_increment=tuple(acts[:first_delete]),
            check=asked("as nulls"),
            change=tuple(acts[first_delete:]),
        )

    def run(self, explain: bool = False) -> list[str]:
        """Do what dbt does, in one transaction; returns the plans of the deletes if asked to."""
        plans: list[str] = []
        with contextlib.closing(self.warehouse.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(self.lock)
            touched = self._touched(cursor)
            for sql in self.make_increment:
                cursor.execute(touched.put_into(sql))
            cursor.execute(touched.put_into(self.check))
            assert [int(count) for count in cursor.fetchone()] == [0, 0, 0]
            for number, recorded in enumerate(self.change):
                sql = touched.put_into(recorded)
                if number == 0 and touched.nothing_known:
                    sql = sql[: sql.index("where")]
                if explain and sql.startswith("delete") and "merged__" not in sql:
                    cursor.execute(f"explain {sql}")
                    plans.append("\n".join(row[0] for row in cursor.fetchall()))
                cursor.execute(sql)
            connection.commit()
        return plans

    def _touched(self, cursor: Any) -> Touched:
        def one(sql: str) -> list[Any]:
            cursor.execute(sql)
            return list(cursor.fetchone())

        if one(self.any_row) == [0]:
            table = self.fact.replace("marts.", "ops.merged__")
            cursor.execute(f"delete from {table}")
        cursor.execute(self.batches)
        batches = ", ".join(f"'{batch}'" for (batch,) in cursor.fetchall()) or NO_BATCH
        nothing_known = one(self.known) == [0]
        days = one(BATCHES.sub(rf"\1 ({batches})", self.days))
        window = NO_WINDOW if days[0] is None else f"between '{days[0]}' and '{days[1]}'"
        return Touched(batches, window, nothing_known)
