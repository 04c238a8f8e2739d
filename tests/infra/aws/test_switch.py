"""The DAG file that a release is: parsed as Airflow parses it, from a read-only folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.aws import components
from infra.aws.airflow_settings import airflow_settings
from infra.aws.deployment import Deployment
from infra.aws.release import Release, switch_file
from tests.infra.aws.test_release import OUTPUTS

PROJECT = Path(__file__).resolve().parents[3]
PACKAGES = components.packages(Deployment("starlift", "dev", {}), PROJECT)


@pytest.fixture
def read_only(tmp_path: Path, deployment: Deployment, manifest: Path) -> Iterator[Path]:
    """A component's DAG folder with the real project's release in it, which nothing may write."""
    settings = {
        **airflow_settings(deployment, OUTPUTS, "us-east-1"),
        "STARLIFT_DBT": str(Path(sys.executable).with_name("dbt")),
        "STARLIFT_PACKAGES": PACKAGES,
    }
    release = Release("0123456789abcdef", "2026-01-01T00:00:00Z", settings)
    folder = tmp_path / "dags"
    root = folder / "releases" / release.hash
    root.mkdir(parents=True)
    for name in ("dags", "dbt_project", "profiles"):
        subprocess.run(["cp", "-r", str(PROJECT / name), str(root / name)], check=True)
    shutil.copy(manifest, root / "manifest.json")
    (folder / "starlift.py").write_bytes(switch_file(release))
    (folder / ".airflowignore").write_text("releases/\n")
    _writable(folder, on=False)
    yield folder
    _writable(folder, on=True)


def _writable(folder: Path, *, on: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IWUSR if on else mode & ~0o222)


PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
modes = {
    str(task.invocation_mode)
    for dag in bag.dags.values()
    for task in dag.tasks
    if hasattr(task, "invocation_mode")
}
found = {"dags": sorted(bag.dags), "errors": bag.import_errors, "modes": sorted(modes)}
json.dump(found, sys.stdout)
"""


def parsed(folder: Path) -> dict[str, Any]:
    """What Airflow finds in a DAG folder, by a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(folder)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent),
            "AIRFLOW_HOME": str(folder.parent / "airflow"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_switch_brings_every_dag_from_a_read_only_folder(read_only: Path) -> None:
    """A digest proves that nothing changed. No task imports dbt: it has packages of its own."""
    before = _digest(read_only)
    found = parsed(read_only)
    expected = sorted(path.stem for path in (PROJECT / "dags").glob("*.py"))
    assert (found["dags"], found["errors"]) == (expected, {})
    assert found["modes"] == ["InvocationMode.SUBPROCESS"]
    assert _digest(read_only) == before


def test_a_component_that_started_without_its_packages_has_no_dag_and_says_why(
    tmp_path: Path,
) -> None:
    assert {"pyarrow", "astronomer-cosmos==1.15.1"} < set(PACKAGES.split())
    settings = {
        "STARLIFT_PACKAGES": f"{PACKAGES} nowhere==1 pytest==0.1",
        "STARLIFT_DBT": "/no/dbt",
    }
    folder = tmp_path / "dags"
    folder.mkdir()
    release = Release("0123456789abcdef", "2026-01-01T00:00:00Z", settings)
    (folder / "starlift.py").write_bytes(switch_file(release))
    found = parsed(folder)
    assert found["dags"] == []
    (error,) = found["errors"].values()
    assert (
        "without what release 0123456789abcdef needs: nowhere==1 is not installed; pytest is"
        in error
    )
    assert "and not 0.1; /no/dbt is not there." in error
    assert "requirements_install*" in error


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
