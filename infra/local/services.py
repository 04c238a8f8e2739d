"""The services of the laptop stack: what each runs, where it listens, what it waits for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum

from infra.local.config import Config
from infra.local.environment import WAREHOUSE, scripts

CELERY_TASKS = 2
"""Tasks that one Celery worker runs at once."""


class Probe(StrEnum):
    """How a service shows that it works, not only that its process exists."""

    SQL = "sql"
    HTTP = "http"
    HEARTBEAT = "heartbeat"
    BROKER = "broker"
    WORKER = "worker"


@dataclass(frozen=True)
class Service:
    """One foreground process that stops on SIGTERM."""

    name: str
    command: tuple[str, ...]
    probe: Probe
    target: str
    port: int | None = None
    needs: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    stop_seconds: int = 10
    # Whether the stop signal goes to all processes of the service. PostgreSQL has to hear it once,
    # from its parent: its server and backends each understand it in another way.
    whole_group: bool = True

    @property
    def address(self) -> str:
        """Where clients reach it, or a dash."""
        if self.port is None:
            return "-"
        scheme = "http://" if self.probe is Probe.HTTP else ""
        return f"{scheme}127.0.0.1:{self.port}"


def services(config: Config) -> tuple[Service, ...]:
    """Return the services of one stack in the order in which they are shown."""
    ports, state = config.ports, config.state
    python = sys.executable
    airflow = (python, "-m", "airflow")
    keys = f"starlift,{config.secrets.aws_secret_access_key}"
    return (
        Service(
            name="postgres",
            command=(
                *(python, "-m", "infra.local.postgres"),
                *("--data", str(state / "postgres"), "--port", str(ports.postgres)),
            ),
            port=ports.postgres,
            probe=Probe.SQL,
            target="postgres",
            stop_seconds=20,
            whole_group=False,
        ),
        Service(
            name="redshift",
            command=(
                *(python, "-m", "infra.local.redshift", "--host", "127.0.0.1"),
                *("--port", str(ports.redshift), "--postgres-port", str(ports.postgres)),
                *("--database", WAREHOUSE, "--data", str(state / "redshift")),
            ),
            port=ports.redshift,
            probe=Probe.SQL,
            target=WAREHOUSE,
        ),
        Service(
            name="s3",
            # Files that Spark writes into the folder are seen after 10 ms; "0s" would make every
            # request slow, the default cache would hide them for minutes.
            command=(
                *(str(scripts() / "rclone"), "serve", "s3", str(config.s3)),
                *("--addr", f"127.0.0.1:{ports.s3}", "--config", ""),
                *("--dir-cache-time", "10ms", "--vfs-cache-mode", "off", "--poll-interval", "0"),
            ),
            port=ports.s3,
            probe=Probe.HTTP,
            target="/",
            # A list in rclone's own form: one quoted item that holds a comma.
            environment=(("RCLONE_AUTH_KEY", f'"{keys}"'),),
        ),
        Service(
            name="aws",
            command=(python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports.aws)),
            port=ports.aws,
            probe=Probe.HTTP,
            target="/moto-api/data.json",
        ),
        Service(
            name="livy",
            command=(
                *(python, "-m", "infra.local.livy", "--port", str(ports.livy)),
                *("--state", str(state / "livy"), "--s3-root", str(config.s3)),
                *("--max-running", str(config.spark_batches)),
            ),
            port=ports.livy,
            probe=Probe.HTTP,
            target="/batches",
        ),
        Service(
            name="airflow-api-server",
            command=(*airflow, "api-server"),
            port=ports.airflow,
            probe=Probe.HTTP,
            target="/api/v2/version",
            needs=("metadata",),
        ),
        Service(
            name="airflow-scheduler",
            command=(*airflow, "scheduler", "--skip-serve-logs"),
            probe=Probe.HEARTBEAT,
            target="scheduler",
            needs=("metadata",),
        ),
        Service(
            name="airflow-dag-processor",
            command=(*airflow, "dag-processor"),
            probe=Probe.HEARTBEAT,
            target="dag_processor",
            needs=("metadata", "manifest"),
        ),
        Service(
            name="airflow-triggerer",
            command=(*airflow, "triggerer", "--skip-serve-logs"),
            probe=Probe.HEARTBEAT,
            target="triggerer",
            needs=("metadata",),
            stop_seconds=5,  # it often does not hear SIGTERM, and holds nothing that could be lost
        ),
        *(_celery(config) if config.celery_workers else ()),
    )


def _celery(config: Config) -> tuple[Service, ...]:
    """Return the broker and the workers of CeleryExecutor, as they run on machines of one's own.

    A worker that is told to stop would wait for its tasks; on a laptop they are ended and retried.
    """
    broker = Service(
        name="broker",
        command=(sys.executable, "-m", "infra.local.broker"),
        port=config.ports.broker,
        probe=Probe.BROKER,
        target="broker",
    )
    names = [f"airflow-worker-{number}" for number in range(1, config.celery_workers + 1)]
    workers = (
        Service(
            name=name,
            command=(
                *(sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs"),
                *("--concurrency", str(CELERY_TASKS), "--celery-hostname", worker_address(name)),
            ),
            probe=Probe.WORKER,
            target=worker_address(name),
            needs=("metadata", "manifest"),
            stop_seconds=3,
        )
        for name in names
    )
    return (broker, *workers)


def worker_address(name: str) -> str:
    """Return a worker's name among Celery's."""
    return f"{name}@127.0.0.1"
