"""Building dbt's manifest for a release, with the contracts checked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.aws.errors import DeployError


def build(project: Path, folder: Path, settings: Mapping[str, str]) -> bytes:
    """Parse the dbt project for the target ``prod`` below ``folder``; returns the manifest.

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
    return manifest.read_bytes()


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
