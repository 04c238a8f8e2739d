"""A PostgreSQL, an S3 server and a gateway for the session, on free ports, in tmp folders."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector

from tests.leash import on_leash

PROJECT = Path(__file__).parents[4]
USER, PASSWORD, DATABASE = "starlift", "Secret-1 'x", "warehouse"
ROLE = "iam_role 'arn:aws:iam::123456789012:role/copy'"
S3_KEY, S3_SECRET = "starlift-test", "starlift-secret"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(check: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen[Any]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return process.wait(timeout=20)


def start_postgres(data: Path, port: int, log: Path) -> subprocess.Popen[Any]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            on_leash(
                [
                    sys.executable,
                    "-m",
                    "infra.local.postgres",
                    "--data",
                    str(data),
                    "--port",
                    str(port),
                ]
            ),
            cwd=PROJECT,
            env={**os.environ, "STARLIFT_POSTGRES_PASSWORD": "pg-secret"},
            stdout=out,
            stderr=out,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(
                host="127.0.0.1",
                port=port,
                user="postgres",
                password="pg-secret",
                dbname="postgres",
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(answers, "PostgreSQL's start")
    return process


def start_gateway(
    postgres_port: int,
    s3_port: int,
    log: Path,
    port: int = 0,
    *,
    user: str = USER,
    database: str = DATABASE,
) -> tuple[subprocess.Popen[Any], int]:
    environment = {
        **os.environ,
        "REDSHIFT_USER": user,
        "REDSHIFT_PASSWORD": PASSWORD,
        "STARLIFT_POSTGRES_PASSWORD": "pg-secret",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{s3_port}",
        "AWS_ACCESS_KEY_ID": S3_KEY,
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            on_leash(
                [
                    sys.executable,
                    "-m",
                    "infra.local.redshift",
                    "--port",
                    str(port),
                    "--postgres-port",
                    str(postgres_port),
                    "--database",
                    database,
                    "--data",
                    str(log.with_suffix("")),
                ]
            ),
            cwd=PROJECT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )

    def ready() -> int:
        assert process.poll() is None, log.read_text()
        for line in log.read_text().splitlines():
            if line.startswith("ready on "):
                return int(line.split()[-1])
        return 0

    return process, wait_until(ready, "the gateway's start", 40)


@dataclass(frozen=True)
class Servers:
    postgres_port: int
    s3_port: int
    s3_root: Path
    port: int
    pid: int
    tls: Path
    log: Path

    def redshift(self, **options: Any) -> redshift_connector.Connection:
        wanted = {"user": USER, "password": PASSWORD, "database": DATABASE, **options}
        return redshift_connector.connect(
            host="127.0.0.1", port=self.port, ssl=False, timeout=60, **wanted
        )

    def psycopg(self, **options: Any) -> psycopg.Connection[Any]:
        wanted: dict[str, Any] = {
            "user": USER, "password": PASSWORD, "dbname": DATABASE, "autocommit": True, **options
        }  # fmt: skip
        return psycopg.connect(host="127.0.0.1", port=self.port, connect_timeout=10, **wanted)

    def postgres(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.postgres_port,
            user="postgres",
            password="pg-secret",
            dbname=DATABASE,
            autocommit=True,
        )

    def s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.s3_port}",
            aws_access_key_id=S3_KEY,
            aws_secret_access_key=S3_SECRET,
            region_name="us-east-1",
        )


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    root = tmp_path_factory.mktemp("redshift")
    postgres_port, s3_port = free_port(), free_port()
    s3_root = root / "s3"
    (s3_root / "lake").mkdir(parents=True)
    postgres = start_postgres(root / "postgres", postgres_port, root / "postgres.log")
    rclone = subprocess.Popen(
        on_leash(
            [
                str(Path(sys.executable).with_name("rclone")),
                "serve",
                "s3",
                "--addr",
                f"127.0.0.1:{s3_port}",
                "--auth-key",
                f"{S3_KEY},{S3_SECRET}",
                "--dir-cache-time",
                "10ms",
                "--vfs-cache-mode",
                "off",
                str(s3_root),
            ]
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: listening(s3_port), "the S3 server's start")
    log = root / "gateway.log"
    gateway, port = start_gateway(postgres_port, s3_port, log)
    try:
        yield Servers(
            postgres_port, s3_port, s3_root, port, gateway.pid, root / "gateway" / "tls", log
        )
    finally:
        stop(gateway)
        # Whatever a test did to its own session: an exception of the gateway's is a failure.
        assert "a session failed" not in log.read_text(), log.read_text()[-4000:]
        rclone.terminate()
        rclone.wait(timeout=20)
        stop(postgres)


class Schema:
    """A schema of the test's own and a session to use it."""

    def __init__(self, servers: Servers, name: str, database: str = DATABASE) -> None:
        self.name = name
        self.connection = servers.psycopg(dbname=database)
        self.run(f"drop schema if exists {name} cascade")
        self.run(f"create schema {name}")
        self.run(f"set search_path to {name}")

    def run(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def rows(self, table: str = "t") -> list[tuple[Any, ...]]:
        return self.run(f"select * from {table} order by 1")

    def value(self, sql: str, *parameters: Any) -> Any:
        ((found,),) = self.run(sql, *parameters)
        return found


@pytest.fixture
def schema(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Schema]:
    name = "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name.lower())[:40]
    name += f"_{zlib.crc32(request.node.nodeid.encode()):08x}"
    made = Schema(servers, name)
    yield made
    made.connection.close()


class Lake:
    """A folder of the test's own in the bucket."""

    def __init__(self, servers: Servers, name: str) -> None:
        self.root = servers.s3_root / "lake" / name
        self.root.mkdir(parents=True)
        self.url = f"s3://lake/{name}"
        self._s3 = servers.s3()

    def parquet(self, name: str, data: pa.Table) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(data, path)
        return path

    def manifest(self, name: str, *entries: dict[str, Any]) -> str:
        return self.put(name, json.dumps({"entries": list(entries)}))

    def put(self, name: str, data: str | bytes) -> str:
        raw = data.encode() if isinstance(data, str) else data
        self._s3.put_object(Bucket="lake", Key=f"{self.root.name}/{name}", Body=raw)
        return f"{self.url}/{name}"

    def get(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def names(self, folder: str = "") -> list[str]:
        """Every file below a folder, relative to it."""
        root = self.root / folder
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    def entry(self, path: Path, **changed: Any) -> dict[str, Any]:
        return {
            "url": f"{self.url}/{path.relative_to(self.root)}",
            "mandatory": True,
            "meta": {"content_length": path.stat().st_size},
            **changed,
        }


@pytest.fixture
def lake(servers: Servers, schema: Schema) -> Lake:
    return Lake(servers, schema.name)
