"""Waiting until Airflow has read a DAG's file."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from infra.local.airflow_api import AirflowApi, ApiError
from infra.local.config import Config
from infra.local.errors import StackError

PARSE_SECONDS = 90.0
UNKNOWN_SECONDS = 15.0
POLL_SECONDS = 1.0
NOT_FOUND = 404

Pause = Callable[[float], object]
"""Waits for some seconds; may raise to end what waits."""


def wait_for_dag(
    api: AirflowApi,
    dag_id: str,
    newest: float = 0.0,
    seconds: float = PARSE_SECONDS,
    unknown_seconds: float = UNKNOWN_SECONDS,
    pause: Pause = time.sleep,
) -> None:
    """Wait until Airflow has parsed a DAG after `newest` (epoch seconds of its last change).

    One that Airflow does not have, while it has others, is waited for `unknown_seconds`.
    Raises StackError, with the import errors that Airflow reports, when that does not happen.
    """
    began = time.monotonic()
    asked = False
    while True:
        dag = _find_dag(api, dag_id)
        if dag and _parsed(dag) >= newest and not dag["is_stale"] and not dag["has_import_errors"]:
            return
        if dag and not asked:
            api.put(f"/parseDagFile/{dag['file_token']}")
            asked = True
        known = sorted(each["dag_id"] for each in api.every("/dags", "dags"))
        most = seconds if dag or not known else min(seconds, unknown_seconds)
        if time.monotonic() - began > most:
            break
        pause(POLL_SECONDS)
    what = "cannot be used" if dag else "is not there"
    message = f"The DAG {dag_id!r} {what}. Airflow has: {', '.join(known) or 'no DAG'}."
    for each in api.every("/importErrors", "import_errors"):
        message += f"\n\n{each['filename']} cannot be imported:\n{each['stack_trace'].strip()}"
    raise StackError(message)


def patience(config: Config, dag_id: str) -> tuple[float, float]:
    """Return how long to wait for a DAG: one that has its file is only not parsed yet."""
    has_file = (config.project / "dags" / f"{dag_id}.py").exists()
    return PARSE_SECONDS, PARSE_SECONDS if has_file else UNKNOWN_SECONDS


def newest_change(config: Config) -> float:
    """Return when the DAG files or what they read changed last, in epoch seconds."""
    files = [*(config.project / "dags").rglob("*.py"), config.manifest]
    return max((path.stat().st_mtime for path in files if path.exists()), default=0.0)


def _find_dag(api: AirflowApi, dag_id: str) -> dict[str, Any] | None:
    try:
        dag: dict[str, Any] = api.get(f"/dags/{quote(dag_id, safe='')}/details")
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return dag


def _parsed(dag: dict[str, Any]) -> float:
    stamp = dag["last_parsed_time"]
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0
