"""TIME in DATEADD and DATEDIFF, and other built-in results that a look over the guide found."""

from __future__ import annotations

import datetime
from typing import Any

import psycopg
import pytest

from .conftest import Servers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("dateadd(minute, 75, time '23:10')", [datetime.time(0, 25)]),
        (
            "dateadd(second, -1, timetz '00:00+00')",
            [datetime.time(23, 59, 59, tzinfo=datetime.UTC)],
        ),
        ("datediff(minute, time '10:00:59', time '11:30')", [90]),
        ("datediff(hour, timetz '01:00-05', timetz '02:59+00')", [-4]),
        ("datediff(minute, '2024-01-01 10:00', '2024-01-01 11:30')", [90]),
        ("5 # 3, 5 #3, 5 & 3, 2 ^ 3", [6, 6, 1, 8.0]),
        ("json_extract_array_element_text('[1,2]', 1)", ["2"]),
        ("json_extract_array_element_text('[1,2]', -1)", [None]),
        ("json_extract_array_element_text('[1,2]', 2)", [None]),
    ],
)
def test_results(servers: Servers, sql: str, values: list[Any]) -> None:
    with servers.psycopg() as connection:
        assert connection.execute(f"select {sql}").fetchall() == [tuple(values)]


def test_errors_show_redshifts_names(servers: Servers) -> None:
    missing = pytest.raises(psycopg.errors.UndefinedFunction, match=r"^function concat\(unknown, ")
    with servers.psycopg() as connection, missing:
        connection.execute("select concat('a', 'b', 'c')")


def test_days_of_a_time_are_refused(servers: Servers) -> None:
    with (
        servers.psycopg() as connection,
        pytest.raises(psycopg.errors.FeatureNotSupported, match="date part day of a TIME"),
    ):
        connection.execute("select dateadd(day, 1, time '10:00')")
