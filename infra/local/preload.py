"""Imported once by the process that all task processes are forked from, so that they start warm.

Without it every task spends seconds on the same imports, and every dbt task as long again on code
that dbt generates the first time that it reads a manifest. Both are done here, and shared by all
forks. Our own modules are left out, so that an edit of a DAG counts from the next task on.
"""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
from pathlib import Path

from dbt.cli.main import dbtRunner

from infra.local.manifest import COSMOS_OPTIONS, PARTIAL_PARSE

MODULES = (
    "airflow",
    "airflow.executors.local_executor",
    "airflow.providers.amazon.aws.hooks.glue_catalog",
    "airflow.providers.amazon.aws.hooks.redshift_sql",
    "airflow.providers.amazon.aws.notifications.sns",
    "airflow.providers.amazon.aws.operators.emr",
    "airflow.providers.amazon.aws.sensors.s3",
    "airflow.providers.apache.livy.operators.livy",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk.execution_time.task_runner",
    "airflow.timetables.interval",
    "boto3",
    "cosmos",
    "cosmos.operators.local",
    "cosmos.plugin.airflow3",
    "daff",
    "dbt.adapters.postgres",
    "dbt.adapters.redshift",
    "dbt.cli.main",
    "dbt.task.build",
    "pyarrow.parquet",
    "redshift_connector",
)


def read_dbt_project() -> bool:
    """Let dbt read its project once, as each task will; tells whether it could.

    A failure is not raised: tasks work all the same, and show what is wrong with the project.
    """
    with tempfile.TemporaryDirectory(prefix="starlift-preload-") as target:
        parsed = Path(os.environ.get("STARLIFT_STATE", ".local")) / PARTIAL_PARSE
        if parsed.exists():
            shutil.copy(parsed, target)
        where = ("--target-path", target, "--log-path", target)
        quiet = ("--quiet", "--no-write-json", "--log-level-file", "none")
        return dbtRunner().invoke([*quiet, "parse", *where, *COSMOS_OPTIONS]).success


for name in MODULES:
    importlib.import_module(name)
read_dbt_project()
