"""A whole laptop stack of its own, on free ports and in a temporary folder, once per session."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg
import pytest
import redshift_connector

from infra.local.backfill import Outcome, backfill
from infra.local.config import Config, Ports
from infra.local.environment import environment
from infra.local.processes import stack_processes
from infra.local.stack import Stack
from tests.leash import leashed


@dataclass(frozen=True)
class Lab:
    """A running stack and what tests do with it."""

    stack: Stack

    @property
    def config(self) -> Config:
        return self.stack.config

    def connect(self) -> redshift_connector.Connection:
        """Connect to the Redshift gateway as people do."""
        return redshift_connector.connect(
            host="127.0.0.1",
            port=self.config.ports.redshift,
            user="starlift",
            password=self.config.secrets.redshift_password,
            database="starlift",
            ssl=False,
        )

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(sql, values)
            return [tuple(row) for row in cursor.fetchall()]

    def postgres(self, database: str = "starlift") -> psycopg.Connection[Any]:
        """Connect to the PostgreSQL below the gateway, to look at locks, or at Airflow's data."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.config.ports.postgres,
            user="postgres",
            password=self.config.secrets.postgres_password,
            dbname=database,
        )

    def upload(self, files: dict[str, Path]) -> None:
        """Put files into the lake by their keys."""
        values = environment(self.config)
        client = boto3.client(
            "s3",
            endpoint_url=values["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            region_name=values["AWS_REGION"],
        )
        for key, path in files.items():
            client.upload_file(str(path), self.config.lake_bucket, key)

    def run(self, first: date, last: date, source: str = "bikeshare") -> tuple[Outcome, list[str]]:
        """Run the DAG for the months between two days; returns the outcome and what was said."""
        said: list[str] = []
        return backfill(self.config, source, first, last, said.append), said

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the stack's command line, as make does."""
        return subprocess.Popen(
            [sys.executable, "-m", "infra.local", *arguments],
            cwd=self.config.project,
            env=os.environ | {"STARLIFT_STATE": str(self.config.state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def command(self, *arguments: str) -> tuple[int, str]:
        """Run the stack's command line; returns its exit status and what it said."""
        process = self.start(*arguments)
        said, _ = process.communicate()
        return process.returncode, said

    def livy(self, path: str) -> Any:
        url = f"http://127.0.0.1:{self.config.ports.livy}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def clusters(self) -> list[tuple[str, str]]:
        """Name and state of each EMR cluster that there was; a run that is repeated has two."""
        values = environment(self.config)
        client = boto3.client(
            "emr",
            endpoint_url=values["AWS_ENDPOINT_URL"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            region_name=values["AWS_REGION"],
        )
        pages = client.get_paginator("list_clusters").paginate()
        found = [each for page in pages for each in page["Clusters"]]
        return [(each["Name"], each["Status"]["State"]) for each in found]

    def clients_of_the_gateway(self) -> list[psutil.Process]:
        """Processes, other than this one, that hold a connection to the gateway."""
        port = self.config.ports.redshift
        pids = {
            found.pid
            for found in psutil.net_connections("tcp")
            if found.status == "ESTABLISHED" and found.raddr and found.raddr.port == port
        }
        return [psutil.Process(pid) for pid in pids if pid and pid != psutil.Process().pid]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start the stack on free ports; stop it, whatever happened, and see that nothing is left."""
    state = tmp_path_factory.mktemp("stack")
    free = {Ports.variable(port.name): "0" for port in fields(Ports)}
    with leashed(Stack(Config.load({"STARLIFT_STATE": str(state), **free}))) as stack:
        yield Lab(stack)
        processes = stack_processes(stack.config, stack.supervisor.session())
        assert len(processes) > len(stack.services)
    assert not [process for process in processes if process.is_running()]


TABLES = {
    "staging.bikeshare__trips": ("_loaded_at",),
    "staging.bikeshare__stations": ("_loaded_at",),
    "ops.load_ledger": (
        "manifest_url",
        "manifest_sha256",
        "data_loaded_at",
        "run_id",
        "recorded_at",
        "load_started_at",
    ),
    "ops.load_rejects": (),
    "marts.fct_trips": ("_loaded_at",),
    "marts.dim_station": (),
    "marts.agg_station_traffic": (),
}
"""Tables that must end the same, with the columns that say when or by which attempt."""


@pytest.fixture(scope="session")
def fingerprint(lab: Lab) -> Callable[[], dict[str, tuple[int, str]]]:
    """Count and checksum of every table, over all that doesn't depend on time and attempt."""

    def of_all() -> dict[str, tuple[int, str]]:
        with lab.connect() as connection:
            return {table: of(connection, table, skip) for table, skip in TABLES.items()}

    def of(connection: Any, table: str, skip: Sequence[str]) -> tuple[int, str]:
        cursor = connection.cursor()
        cursor.execute(f"select * from {table}")
        names = [column[0] for column in cursor.description]
        kept = [i for i, name in enumerate(names) if name not in skip]
        rows = sorted(repr([row[i] for i in kept]) for row in cursor.fetchall())
        return len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()

    return of_all
