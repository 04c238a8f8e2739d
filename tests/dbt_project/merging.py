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
WINDOW = re.compile(
    r"started_at between cast\('[^']*' as timestamp\) and cast\('[^']*' as timestamp\)"
)


@dataclass(frozen=True)
class Merge:
    """One incremental run of a fact, as dbt sent it; only the window's literals are put in anew."""

    warehouse: Warehouse
    make_increment: tuple[str, ...]
    keys: str
    window: str
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
        (keys,) = (sql for sql in sent if "as nulls" in sql)
        (window,) = (sql for sql in sent if "dateadd(day, -" in sql)
        verbs = ("lock", "create temporary", "insert", "delete")
        acts = [sql for sql in sent if " ".join(sql.lower().split()).startswith(verbs)]
        first_delete = next(at for at, sql in enumerate(acts) if sql.lower().startswith("delete"))
        return cls(warehouse, tuple(acts[:first_delete]), keys, window, tuple(acts[first_delete:]))

    def run(self, explain: bool = False) -> list[str]:
        """Do what dbt does, in one transaction; returns the plans of the deletes if asked to."""
        plans: list[str] = []
        with contextlib.closing(self.warehouse.connect()) as connection:
            cursor = connection.cursor()
            for sql in self.make_increment:
                cursor.execute(sql)
            cursor.execute(self.keys)
            assert [int(count) for count in cursor.fetchone()] == [0, 0]
            cursor.execute(self.window)
            window = self._predicate(cursor.fetchone())
            for sql in self.change:
                bounded = WINDOW.sub(window, sql)
                if explain and sql.lower().startswith("delete"):
                    cursor.execute(f"explain {bounded}")
                    plans.append("\n".join(row[0] for row in cursor.fetchall()))
                cursor.execute(bounded)
            connection.commit()
        return plans

    @staticmethod
    def _predicate(bounds: Any) -> str:
        """The predicate as the macro `delete_window` writes it."""
        if bounds[0] is None:
            return "1 = 0"
        first, last = bounds
        return f"started_at between cast('{first}' as timestamp) and cast('{last}' as timestamp)"
