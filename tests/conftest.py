"""What several test folders share: the dbt manifest and the environment of a DAG."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.frames import read_no_source

PROJECT = Path(__file__).parents[1]
INTEGRATION = "tests/integration/"

read_no_source()


def pytest_collection_finish() -> None:
    """What has been imported stays: the garbage collector need not look at it again and again."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


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
        "REDSHIFT_DATABASE": "starlift",
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
def parsed_project(
    dag_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the project as dbt parsed it, once for all test processes.

    `manifest.json`, and `partial_parse.msgpack`, from which dbt runs without parsing again.
    """

    def parse(folder: Path) -> None:
        from dbt.cli.main import dbtRunner  # not for those who need no manifest: it takes seconds

        arguments = [
            *("--quiet", "parse", "--target-path", str(folder)),
            *("--project-dir", str(PROJECT / "dbt_project")),
            *("--profiles-dir", str(PROJECT / "profiles")),
        ]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in dag_environment.items():
                patch.setenv(name, value)
            done = dbtRunner().invoke(arguments)
        assert done.success, done.exception

    return made_once(tmp_path_factory, "parsed", parse)


@pytest.fixture(scope="session")
def manifest(dag_environment: dict[str, str], parsed_project: Path) -> Path:
    """The project's dbt manifest, where the environment of a DAG looks for it."""
    path = Path(dag_environment["STARLIFT_MANIFEST"])
    path.parent.mkdir(parents=True)
    for name in (path.name, "partial_parse.msgpack"):
        shutil.copy(parsed_project / name, path.with_name(name))
    return path


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Fill a folder in the first of a run's test processes that asks for it; others wait."""
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, draft = root / name, root / f"{name}.draft"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft.mkdir(exist_ok=True)
            make(draft)
            draft.rename(folder)
    return folder
