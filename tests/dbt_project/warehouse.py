"""A warehouse for dbt's tests: PostgreSQL and the Redshift gateway, staging tables, a ledger."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redshift_connector
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder

from elt_lib.warehouse import ensure_accounting, sort_key
from tests.leash import on_leash

PROJECT = Path(__file__).parents[2]
VIEWS = {"feed_freshness", "row_accounting"}
"""Of the source `ops`, what is no table."""
USER, PASSWORD, DATABASE = "starlift", "test-password", "starlift"
PARTIAL_PARSE = "partial_parse.msgpack"
NO_ARTIFACTS = {"DBT_WRITE_JSON": "false"}
"""Manifest and run results would be a fifth of a short run; who reads them asks for them."""
Row = Sequence[Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Warehouse:
    """The gateway at a port, and dbt with an environment that points to it."""

    port: int
    folder: Path
    environment: dict[str, str]
    parsed: Manifest | None = None

    def connect(self) -> redshift_connector.Connection:
        return redshift_connector.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            database=DATABASE,
            ssl=False,
            timeout=20,
        )

    def rows(self, sql: str, parameters: Row = ()) -> list[list[Any]]:
        """Run one statement, commit, return its rows."""
        with contextlib.closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, tuple(parameters))
            found = [list(row) for row in cursor.fetchall()] if cursor.description else []
            connection.commit()
            return found

    def execute(self, *statements: str) -> None:
        """Run statements in one transaction."""
        with contextlib.closing(self.connect()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Run dbt in this process, without parsing again; the result tells how it went."""
        if self.parsed is None:
            self.parsed = self._parse()
        return self._invoke(dbtRunner(manifest=self.parsed.deepcopy()), arguments)

    def _parse(self) -> Manifest:
        done = self._invoke(dbtRunner(), ["parse"])
        assert done.success, done.exception
        parsed: Manifest = done.result
        return parsed

    def _invoke(self, runner: dbtRunner, arguments: Sequence[str]) -> dbtRunnerResult:
        kept = dict(os.environ)
        os.environ.update(NO_ARTIFACTS | self.environment)
        try:
            return runner.invoke([*arguments, *self.folders()])
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def partial_parse(self) -> Path:
        """What spares dbt's own processes a parse; made at the first use, it knows the port."""
        path = Path(self.environment["DBT_TARGET_PATH"]) / PARTIAL_PARSE
        if not path.exists():
            self._parse()
        return path

    def built(self, *arguments: str) -> None:
        """Run dbt; fail with its messages unless everything went well."""
        result = self.dbt(*arguments)
        messages = [
            f"{done.node.name}: {done.message}"
            for done in getattr(result.result, "results", [])
            if done.status in {"error", "fail"}
        ]
        assert result.success, (result.exception, messages)

    def start_dbt(self, *arguments: str) -> subprocess.Popen[str]:
        """Start dbt as a process of its own, for tests that kill it or run two."""
        self.partial_parse()
        return subprocess.Popen(
            [Path(sys.executable).with_name("dbt"), *arguments, *self.folders()],
            env=os.environ | NO_ARTIFACTS | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def folders(self) -> list[str]:
        return [
            *("--project-dir", self.environment["DBT_PROJECT_DIR"]),
            *("--profiles-dir", self.environment["DBT_PROFILES_DIR"]),
        ]

    def create_staging(self, manifest: Path) -> None:
        """Create the schemas, the staging tables of the contract, and the ledger, all empty."""
        statements = [f"create schema if not exists {name}" for name in ("staging", "marts", "ops")]
        sources = json.loads(manifest.read_text(encoding="utf-8"))["sources"].values()
        for source in sources:
            if source["name"] in VIEWS:
                continue
            columns = [f"{c['name']} {c['data_type']}" for c in source["columns"].values()]
            sort = ""
            meta = source["config"]["meta"]
            if "files" in meta:
                columns += [
                    "_batch_id varchar(32)",
                    "_source_file varchar(1024)",
                    "_loaded_at timestamp",
                ]
                given = meta.get("table", {}).get("sort", "auto")
                sort = f"compound sortkey({', '.join(sort_key(() if given == 'auto' else given))})"
            table = f"{source['schema']}.{source['identifier']}"
            statements += [f"drop table if exists {table}"]
            statements += [f"create table {table} ({', '.join(columns)}) {sort}"]
        self.execute(*statements)
        with contextlib.closing(self.connect()) as connection:
            feeds = {s["source_name"] for s in sources if "files" in s["config"]["meta"]}
            ensure_accounting(connection.cursor(), feeds)
            connection.commit()


def insert(cursor: Any, table: str, rows: Sequence[dict[str, Any]], size: int = 500) -> None:
    """Insert dictionaries with the same keys, several per statement."""
    if not rows:
        return
    names = list(rows[0])
    one = f"({', '.join(['%s'] * len(names))})"
    for at in range(0, len(rows), size):
        part = rows[at : at + size]
        cursor.execute(
            f"insert into {table} ({', '.join(names)}) values {', '.join([one] * len(part))}",
            tuple(row[name] for row in part for name in names),
        )


def parsed_beside(manifest: Path) -> Manifest | None:
    """What dbt parsed, if it is kept beside its manifest; it holds for any host and port."""
    path = manifest.with_name(PARTIAL_PARSE)
    if not path.exists():
        return None
    decoder = extended_mashumuro_decoder
    parsed: Manifest = Manifest.from_msgpack(path.read_bytes(), decoder=decoder)
    return parsed


@contextlib.contextmanager
def running(folder: Path, parsed: Manifest | None = None) -> Iterator[Warehouse]:
    """Start PostgreSQL and the gateway on free ports; stop both, whatever happens."""
    postgres_port, port = free_port(), free_port()
    environment = {
        "STARLIFT_POSTGRES_PASSWORD": "postgres-password",
        "POSTGRES_PORT": str(postgres_port),
        "REDSHIFT_HOST": "127.0.0.1",
        "REDSHIFT_PORT": str(port),
        "REDSHIFT_USER": USER,
        "REDSHIFT_PASSWORD": PASSWORD,
        "REDSHIFT_DATABASE": DATABASE,
        "STARLIFT_DBT_TARGET": "local",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "us-east-1",
        "DBT_PROJECT_DIR": str(PROJECT / "dbt_project"),
        "DBT_PROFILES_DIR": str(PROJECT / "profiles"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'dags'}",
    }
    commands = (
        ["infra.local.postgres", "--data", str(folder / "data"), "--port", str(postgres_port)],
        [
            *("infra.local.redshift", "--host", "127.0.0.1", "--port", str(port)),
            *("--postgres-port", str(postgres_port), "--database", DATABASE),
        ],
    )
    with contextlib.ExitStack() as started:
        processes = []
        for command in commands:
            log = started.enter_context((folder / f"{command[0]}.log").open("w"))
            process = subprocess.Popen(
                on_leash([sys.executable, "-m", *command]),
                env=os.environ | environment,
                cwd=PROJECT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            started.callback(stop, process)
            processes.append(process)
        warehouse = Warehouse(port, folder, environment, parsed)
        wait_until_ready(warehouse, processes)
        yield warehouse


def wait_until_ready(warehouse: Warehouse, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            warehouse.rows("select 1")
            return
        except Exception as error:
            dead = [process.args for process in processes if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = "\n".join(path.read_text() for path in warehouse.folder.glob("*.log"))
                raise AssertionError(f"no warehouse; stopped: {dead}\n{logs[-4000:]}") from error
            time.sleep(0.1)


def stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def inside(warehouse: Warehouse, sql: str) -> list[list[str]]:
    """Ask PostgreSQL itself, past the gateway."""
    with psycopg.connect(
        host="127.0.0.1",
        port=int(warehouse.environment["POSTGRES_PORT"]),
        user="postgres",
        password=warehouse.environment["STARLIFT_POSTGRES_PASSWORD"],
        dbname=warehouse.environment["REDSHIFT_DATABASE"],
        autocommit=True,
    ) as connection:
        cursor = connection.execute(sql)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []
