"""Queries of the lake by Athena, for DAGs that need no warehouse."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.amazon.aws.operators.athena import AthenaOperator

from elt_lib.settings import settings


def queries() -> list[str]:
    """Where a DAG that asks Athena looks for its files."""
    return [str(settings().project / "dags" / "queries")]


def ask_athena(task_id: str, query: str) -> AthenaOperator:
    """A query of the lake: a file of ``dags/queries``, in the settings' database and work group.

    The work group says where results go and how much a query may read.
    """
    return AthenaOperator(
        task_id=task_id,
        query=query,
        database=settings().glue_database,
        workgroup=settings().athena_workgroup,
        aws_conn_id="aws_default",
        sleep_time=settings().poll_seconds,
        deferrable=False,  # a killed task then cancels its query
        execution_timeout=timedelta(hours=1),
    )
