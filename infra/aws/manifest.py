"""Building dbt's manifest for a release, with the contracts checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.aws.errors import DeployError

EPOCH = "1970-01-01T00:00:00Z"
OF_THIS_RUN = {
    "generated_at": EPOCH,
    "invocation_started_at": EPOCH,
    "run_started_at": EPOCH,
    "invocation_id": None,
    "user_id": None,
}
"""What dbt notes of the run that parsed, and what a release says instead."""


def build(project: Path, folder: Path, settings: Mapping[str, str]) -> bytes:
    """Parse the dbt project for the target ``prod`` below ``folder``; returns the manifest.

    The same project gives the same bytes, and so the same release, whoever parses it and when.
    Raises DeployError with dbt's or the contract check's own words.
    """
    environment = {
        **os.environ,
        **settings,
        "DBT_PROJECT_DIR": str(project / "dbt_project"),
        "DBT_PROFILES_DIR": str(project / "profiles"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "PYTHONPATH": os.pathsep.join([str(project), str(project / "dags")]),
    }
    manifest = folder / "manifest.json"
    _run(
        environment,
        "dbt.cli.main", "--quiet", "parse", "--target-path", str(folder), "--target", "prod",
    )  # fmt: skip
    _run(environment, "elt_lib", "check", "--manifest", str(manifest))
    return timeless(manifest.read_bytes())


def timeless(manifest: bytes) -> bytes:
    """A manifest without times and run ids, its nodes in order; inside them nothing moves."""

    def without_times(entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "created_at": 0} if _is_time(entry.get("created_at")) else entry

    content = json.loads(manifest, object_hook=without_times)
    known = content["metadata"].keys() & OF_THIS_RUN.keys()
    content["metadata"] |= {name: OF_THIS_RUN[name] for name in known}
    ordered = {
        part: dict(sorted(found.items())) if isinstance(found, dict) else found
        for part, found in content.items()
    }
    return json.dumps(ordered).encode()


def _is_time(value: object) -> bool:
    return isinstance(value, int | float)


def _run(environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeployError(f"{' '.join(arguments[:3])} failed:\n{done.stdout}{done.stderr}".strip())
