from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.config import CHECKOUT

LOOK = """
import json, sys, threading
import infra.local.preload as preload
from mashumaro.core.meta.code.builder import CodeBuilder
made = []
wrapped = CodeBuilder.add_unpack_method
CodeBuilder.add_unpack_method = lambda self: (made.append(self.cls.__name__), wrapped(self))[1]
again = preload.read_dbt_project()
print(json.dumps({
    "again": again,
    "generated": len(made),
    "threads": threading.active_count(),
    "airflow": "airflow.sdk.execution_time.task_runner" in sys.modules,
}))
"""


def look(project: Path, state: Path) -> dict[str, object]:
    """Import the module in a process of its own, as the fork server does, and look around there."""
    environment = os.environ | {
        "STARLIFT_STATE": str(state),
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(CHECKOUT / "profiles"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "REDSHIFT_HOST": "127.0.0.1",
        "REDSHIFT_PASSWORD": "unused",
        "REDSHIFT_USER": "unused",
        "AIRFLOW_HOME": str(state / "airflow"),
        "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{CHECKOUT / 'dags'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_dbt_has_generated_its_code_before_the_first_fork(tmp_path: Path) -> None:
    seen = look(CHECKOUT / "dbt_project", tmp_path)
    # A thread would not survive the fork, and what it holds would stay locked.
    assert seen == {"again": True, "generated": 0, "threads": 1, "airflow": True}


@pytest.mark.slow
def test_a_broken_project_does_not_keep_tasks_from_starting(tmp_path: Path) -> None:
    seen = look(tmp_path / "nowhere", tmp_path)
    assert seen["again"] is False
    assert seen["airflow"] is True
