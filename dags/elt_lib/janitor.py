"""The janitor's task: look for strays, show them, end what costs by the hour if told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Param
from airflow.sdk.exceptions import AirflowFailException
from airflow.timetables.interval import CronDataIntervalTimetable

from elt_lib import strays
from elt_lib.hooks import WarehouseHook
from elt_lib.pipeline import default_args
from elt_lib.sessions import in_session
from elt_lib.settings import Settings, settings
from elt_lib.strays import Stray
from elt_lib.warehouse import Connection

if TYPE_CHECKING:
    from airflow.sdk import Context

MANIFESTS = (Path(__file__).with_name("sql") / "ledger_manifests.sql").read_text(encoding="utf-8")
DAYS, END = "older_than_days", "end_strays"


def janitor_options() -> dict[str, Any]:
    """Arguments of ``DAG`` for the janitor."""
    return {
        "dag_id": "janitor",
        "description": "Finds what runs left behind.",
        "schedule": CronDataIntervalTimetable("0 5 * * *", timezone="UTC"),
        "start_date": datetime(2024, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["starlift"],
        "default_args": default_args(),
        "params": {
            DAYS: Param(7, type="integer", minimum=1, description="Age of files that count, days."),
            END: Param(False, type="boolean", description="End clusters and jobs that are strays."),
        },
    }


class FindStraysOperator(BaseOperator):
    """Show strays in the log; fail, without retry, while any costs by the hour.

    Returns the number of strays. Files are shown only: the bucket's lifecycle rules remove them,
    so that Airflow's role needs no right to delete.
    """

    def execute(self, context: Context) -> int:
        """Look, show, and end clusters and jobs if the run's parameter says so."""
        params = context["params"]
        before = datetime.now(UTC) - timedelta(days=int(params[DAYS]))
        compute = list(self._compute(context, settings()))
        files = list(self._files(settings(), before))
        self.log.info("%d strays\n%s", len(compute + files), strays.render(compute + files))
        if compute and params[END]:
            for stray in compute:
                self._end(stray, settings())
        elif compute:
            named = ", ".join(f"{stray.kind} {stray.name}" for stray in compute)
            raise AirflowFailException(
                f"running without a DAG run: {named}. Look at them, then run this DAG with "
                f"{END} = true, which ends them."
            )
        return len(compute + files)

    def _compute(self, context: Context, here: Settings) -> list[Stray]:
        def is_running(dag_id: str, run_id: str) -> bool:
            states = ["queued", "running"]
            found = context["ti"].get_dr_count(dag_id=dag_id, run_ids=[run_id], states=states)
            return bool(found)

        return [
            *strays.stray_clusters(_client("emr"), here, is_running),
            *strays.stray_serverless_runs(_client("emr-serverless"), here, is_running),
            *strays.stray_glue_runs(_client("glue"), here, is_running),
        ]

    def _files(self, here: Settings, before: datetime) -> list[Stray]:
        s3 = S3Hook("aws_default").get_conn()
        loaded = in_session(WarehouseHook("redshift_default").get_conn, _manifests)
        return [
            *strays.stray_attempts(s3, here.lake_bucket, loaded, before),
            *strays.stray_uploads(s3, here.lake_bucket, before),
        ]

    def _end(self, stray: Stray, here: Settings) -> None:
        self.log.warning("ending %s %s", stray.kind, stray.name)
        match stray.kind:
            case strays.CLUSTER:
                _client("emr").terminate_job_flows(JobFlowIds=[stray.name])
            case strays.SERVERLESS_JOB:
                _client("emr-serverless").cancel_job_run(
                    applicationId=here.serverless_application, jobRunId=stray.name
                )
            case strays.GLUE_JOB_RUN:
                _client("glue").batch_stop_job_run(JobName=here.glue_job, JobRunIds=[stray.name])


def _manifests(connection: Connection) -> list[str]:
    cursor = connection.cursor()
    cursor.execute(MANIFESTS)
    return [str(url) for (url,) in cursor.fetchall()]


def _client(service: str) -> Any:
    return AwsBaseHook("aws_default", client_type=service).get_conn()
