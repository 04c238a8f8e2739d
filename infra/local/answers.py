"""Questions to the warehouse that the command line asks, and their answers as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import redshift_connector

from infra.local.config import Config
from infra.local.environment import WAREHOUSE

QUERIES = Path(__file__).with_name("queries")

ACCOUNTING = {
    "What became of the rows of each batch": "row_accounting.sql",
    "Rejected rows by rule": "rejected_by_rule.sql",
    "How fresh each feed is": "feed_freshness.sql",
}
"""The questions of `make accounting`, each with its file."""


def accounting(config: Config) -> str:
    """Render what the ledger and the accounting of all sources say."""
    parts = [f"{title}\n{render(*query(config, file))}" for title, file in ACCOUNTING.items()]
    return "\n\n".join(parts)


def query(
    config: Config, file: str, *values: object
) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """Run one of our queries with the client that people use; returns column names and rows."""
    with redshift_connector.connect(
        host="127.0.0.1",
        port=config.ports.redshift,
        user="starlift",
        password=config.secrets.redshift_password,
        database=WAREHOUSE,
        ssl=False,
    ) as connection:
        cursor = connection.cursor()
        cursor.execute((QUERIES / file).read_text(encoding="utf-8"), values)
        names = [column[0] for column in cursor.description]
        return names, cursor.fetchall()


def render(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Render a table: numbers to the right, everything else to the left."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    numbers = [
        all(isinstance(row[at], int | float | None) for row in rows) for at in range(len(names))
    ]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(cells, widths, numbers, strict=True)
        )
        return ("  " + "  ".join(padded)).rstrip()

    lines = [line(row) for row in texts] or ["  (no rows)"]
    return "\n".join([line([name.replace("_", " ") for name in names]), *lines])


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
