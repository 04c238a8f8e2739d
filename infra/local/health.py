"""Whether the services work: each is asked what its clients would ask."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from infra.local.airflow import broker_url
from infra.local.config import Config
from infra.local.processes import uptime
from infra.local.services import Probe, Service
from infra.local.supervise import Running, log_file

PROBE_SECONDS = 4
SERVER_ERROR = 500

# The stack's own servers are asked directly, whatever proxy the shell has set.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Health:
    """One line of the health table; `detail` says what is wrong, `uptime` is in seconds."""

    service: str
    state: str
    detail: str
    address: str
    pid: int | None
    uptime: float | None
    log: Path

    @property
    def healthy(self) -> bool:
        """Whether the service answered as it should."""
        return self.state == "healthy"


def check(config: Config, services: Sequence[Service], running: dict[str, Running]) -> list[Health]:
    """Probe services side by side; takes `PROBE_SECONDS` at most."""
    if not services:
        return []
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        return list(pool.map(lambda each: _check(config, each, running.get(each.name)), services))


def _check(config: Config, service: Service, running: Running | None) -> Health:
    pid = running.pid if running and running.pid else None
    state, detail = "stopped", ""
    if running and running.state == "FATAL":
        state, detail = "failed", running.problem or "ends as soon as it is started"
    elif running and running.state == "BACKOFF":
        state, detail = "starting", "it ended at once and is started again"
    elif running and pid:
        problem = probe(config, service, running.started)
        state, detail = ("starting", problem) if problem else ("healthy", "")
    return Health(
        service=service.name,
        state=state,
        detail=detail,
        address=service.address,
        pid=pid,
        uptime=uptime(pid) if pid else None,
        log=log_file(config, service.name),
    )


def probe(config: Config, service: Service, started: float = 0.0) -> str:
    """Ask one service for an answer; returns what is wrong with it, or nothing.

    `started` is the epoch second from which on a heartbeat counts.
    """
    try:
        match service.probe:
            case Probe.SQL:
                return _ask_sql(config, service)
            case Probe.HTTP:
                return _ask_http(service)
            case Probe.HEARTBEAT:
                return _ask_heartbeat(config, service.target, started)
            case Probe.BROKER | Probe.WORKER:
                from infra.local import celery_probe  # noqa: PLC0415  (half a second)

                url = broker_url(config)
                if service.probe is Probe.WORKER:
                    return celery_probe.ask_worker(url, service.target)
                return celery_probe.ask_broker(url, PROBE_SECONDS)
    except (OSError, psycopg.Error, ValueError) as error:
        text = str(error).strip()
        return text.splitlines()[-1] if text else type(error).__name__


def connect(config: Config, service: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
    """Open a connection to PostgreSQL or to the Redshift gateway; each statement commits."""
    gateway = service == "redshift"
    secrets, ports = config.secrets, config.ports
    return psycopg.connect(
        host="127.0.0.1",
        port=ports.redshift if gateway else ports.postgres,
        user="starlift" if gateway else "postgres",
        password=secrets.redshift_password if gateway else secrets.postgres_password,
        dbname=database,
        sslmode="disable",
        gssencmode="disable",
        connect_timeout=PROBE_SECONDS,
        autocommit=True,
    )


def _ask_sql(config: Config, service: Service) -> str:
    with connect(config, service.name, service.target) as connection:
        row = connection.execute("select 1").fetchone()
    return "" if row == (1,) else f"`select 1` gave {row!r}"


def _ask_http(service: Service) -> str:
    try:
        with _direct.open(f"{service.address}{service.target}", timeout=PROBE_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        # The S3 server refuses requests without a signature: that is an answer as well.
        return f"HTTP {error.code}" if error.code >= SERVER_ERROR else ""


def _ask_heartbeat(config: Config, component: str, started: float) -> str:
    url = f"{config.airflow_url}/api/v2/monitor/health"
    with _direct.open(url, timeout=PROBE_SECONDS) as answer:
        report = json.load(answer)[component]
    heartbeat = report.get(f"latest_{component}_heartbeat")
    if heartbeat is None or datetime.fromisoformat(heartbeat).timestamp() < started:
        return "no heartbeat yet"
    return "" if report["status"] == "healthy" else f"last heartbeat at {heartbeat}"
