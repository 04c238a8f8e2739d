"""A PostgreSQL and a gateway per worker, and the profile that leads dbt-redshift to it."""

from __future__ import annotations

import gc
import inspect
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.frames import read_no_source
from tests.infra.local.redshift.conftest import (
    PASSWORD,
    free_port,
    start_gateway,
    start_postgres,
    stop,
)

# The suite expects the names of dbt's own test database in SQL that it compares.
USER, DATABASE = "root", "dbt"
GRANTEES = ("dbt_test_user_1", "dbt_test_user_2", "dbt_test_user_3")


read_no_source()


def pytest_collection_finish() -> None:
    """What has been imported stays: the garbage collector need not look at it again and again."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@dataclass(frozen=True)
class Gateway:
    port: int


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    root = tmp_path_factory.mktemp("redshift")
    postgres_port = free_port()
    postgres = start_postgres(root / "postgres", postgres_port, root / "postgres.log")
    process, port = start_gateway(
        postgres_port, 1, root / "gateway.log", user=USER, database=DATABASE
    )
    try:
        with psycopg.connect(
            host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname=DATABASE,
            sslmode="disable", autocommit=True,
        ) as connection:  # fmt: skip
            for name in GRANTEES:
                connection.execute(f"create user {name} password disable")
        for number, name in enumerate(GRANTEES, start=1):
            os.environ[f"DBT_TEST_USER_{number}"] = name
        yield Gateway(port)
    finally:
        stop(process)
        stop(postgres)


def target(gateway: Gateway) -> dict[str, Any]:
    """A dbt target that leads to the gateway."""
    return {
        "type": "redshift", "host": "127.0.0.1", "port": gateway.port, "user": USER,
        "password": PASSWORD, "dbname": DATABASE, "sslmode": "disable", "threads": 4,
    }  # fmt: skip


@pytest.fixture(scope="class")
def dbt_profile_target(gateway: Gateway) -> dict[str, Any]:
    return target(gateway)


@pytest.fixture(scope="class")
def prefix() -> str:
    """Digits, as dbt makes it, but shorter: a class doubles the schema's name; 63 bytes must do."""
    return f"test{secrets.randbelow(10**8):08}"


@pytest.fixture(scope="class")
def logs_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A folder of the class; no test reads what dbt would write there, which takes its time."""
    folder = str(tmp_path_factory.mktemp("logs"))
    os.environ.update(DBT_LOG_PATH=folder, DBT_LOG_LEVEL_FILE="none")
    yield folder
    del os.environ["DBT_LOG_PATH"], os.environ["DBT_LOG_LEVEL_FILE"]


@pytest.fixture(scope="class")
def test_data_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder beside the suite's class, where there is one."""
    for base in request.cls.__mro__:
        folder = Path(inspect.getfile(base)).parent / "data" if base is not object else Path()
        if base.__module__.startswith("dbt.tests.adapter.") and folder.is_dir():
            return folder
    return tmp_path_factory.mktemp("data") / "made_by_the_test"


_counts = {"passed": 0, "failed": 0, "skipped": 0}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count each test once: by its call, or by the set-up that failed or skipped it."""
    if report.when == "call" or (report.when == "setup" and not report.passed):
        _counts[report.outcome] += 1
    elif report.when == "teardown" and report.failed:
        _counts["failed"] += 1
        _counts["passed"] -= 1


def pytest_unconfigure(config: pytest.Config) -> None:
    """The result in one line, after everything else."""
    if not hasattr(config, "workerinput") and any(_counts.values()):
        sys.stdout.write(
            f"{_counts['passed']} passed, {_counts['failed']} failed, "
            f"{_counts['skipped']} skipped of {sum(_counts.values())}\n"
        )
