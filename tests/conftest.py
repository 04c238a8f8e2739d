"""What several test folders share: the dbt manifest and the environment of a DAG."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

PROJECT = Path(__file__).parents[1]
INTEGRATION = "tests/integration/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the whole stack first: they take longest, the others run beside them."""
    items.sort(key=lambda item: item.get_closest_marker("integration") is None)


class OneStack(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests on one worker, and those of the whole stack on one, which starts it once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return INTEGRATION if file.startswith(INTEGRATION) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStack | None:
    """Take it where tests are distributed by file."""
    return OneStack(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def dag_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the DAG files import; it names no service that exists."""
    home = tmp_path_factory.mktemp("dag")
    passed_on = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return passed_on | {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AWS_DEFAULT_REGION": "us-east-1",
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_TARGET_PATH": str(home / "target"),
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'dags'}",
        "REDSHIFT_DATABASE": "nowhere",
        "REDSHIFT_HOST": "redshift.invalid",
        "REDSHIFT_PASSWORD": "none",
        "REDSHIFT_PORT": "5439",
        "REDSHIFT_USER": "nobody",
        "STARLIFT_ARTIFACTS_BUCKET": "artifacts",
        "STARLIFT_COPY_ROLE": "arn:aws:iam::123456789012:role/copy",
        "STARLIFT_DBT_TARGET": "local",
        "STARLIFT_GLUE_DATABASE": "starlift",
        "STARLIFT_LAKE_BUCKET": "lake",
        "STARLIFT_LIVY_URL": "http://{master}:8998",
        "STARLIFT_MANIFEST": str(home / "target" / "manifest.json"),
        "STARLIFT_PROJECT": str(PROJECT),
    }


@pytest.fixture(scope="session")
def manifest(dag_environment: dict[str, str]) -> Path:
    """The project's dbt manifest, parsed once per test process."""
    dbt = Path(sys.executable).with_name("dbt")
    folders = ["--project-dir", PROJECT / "dbt_project", "--profiles-dir", PROJECT / "profiles"]
    done = subprocess.run(
        [dbt, "parse", *folders], env=dag_environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(dag_environment["STARLIFT_MANIFEST"])
