"""Spark without Livy: steps, EMR Serverless and Glue, where a retry finds the job it lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrServerlessStartJobOperator,
)
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.sdk import ResumableJobMixin
from airflow.sdk.exceptions import AirflowException

from elt_lib.marked import MarkedJobMixin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class _Polled(MarkedJobMixin, ResumableJobMixin):
    """A job that is asked for its state until it has ended; the job's number outlives the try."""

    active: frozenset[str]
    succeeded: str
    pause: int
    """Seconds between two looks."""

    def is_job_active(self, status: str) -> bool:
        """Whether the job has not ended."""
        return status in self.active

    def is_job_succeeded(self, status: str) -> bool:
        """Whether the job went well."""
        return status == self.succeeded

    def poll_until_complete(self, external_id: Any, context: Context) -> None:
        """Wait for the job's end; raises AirflowException with the service's reason."""
        while self.is_job_active(status := self.get_job_status(external_id, context)):
            time.sleep(self.pause)
        if not self.is_job_succeeded(status):
            raise AirflowException(f"{external_id} ended as {status}: {self.reason(external_id)}")

    def get_job_result(self, external_id: Any, context: Context) -> Any:  # noqa: ARG002
        """The job's number."""
        return external_id

    def reason(self, external_id: Any) -> str:
        """Why the job failed, in the service's words."""
        raise NotImplementedError

    def run_or_resume(self, context: Context) -> Any:
        """Run the job, or follow the one that an earlier try started."""
        result = self.execute_resumable(context)
        self.forget_job(context)
        return result


class ResumableStepOperator(_Polled, EmrAddStepsOperator):
    """EmrAddStepsOperator for one step, whose retry follows the step of the try before.

    States: docs.aws.amazon.com/emr/latest/APIReference/API_StepStatus.html
    """

    active = frozenset({"PENDING", "CANCEL_PENDING", "RUNNING"})
    succeeded = "COMPLETED"

    def __init__(self, *, pause: int, **kwargs: Any) -> None:
        super().__init__(wait_for_completion=False, deferrable=False, **kwargs)
        self.pause = pause

    def execute(self, context: Context) -> Any:
        """Run the step; its number counts on its own cluster only."""
        self.external_id_key = f"emr_step_on_{self.job_flow_id}"
        return self.run_or_resume(context)

    def start_job(self, mark: str, context: Context) -> str:
        """Add the step, with the mark at the end of its name; returns its id."""
        (step,) = cast("list[dict[str, Any]]", self.steps)
        self.steps = [{**step, "Name": f"{step['Name'].removesuffix(mark).strip()} {mark}"}]
        steps: Sequence[str] = EmrAddStepsOperator.execute(self, context)
        return steps[0]

    def find_job(self, mark: str) -> str | None:
        """The step whose name ends with the mark."""
        pages = self.hook.conn.get_paginator("list_steps").paginate(ClusterId=self.job_flow_id)
        found = (step for page in pages for step in page["Steps"] if step["Name"].endswith(mark))
        return next((str(step["Id"]) for step in found), None)

    def get_job_status(self, external_id: Any, context: Context) -> str:  # noqa: ARG002
        """The step's state in EMR's words."""
        return str(self._status(external_id)["State"])

    def reason(self, external_id: Any) -> str:
        """What EMR says of the failed step, and where its log is."""
        details = self._status(external_id).get("FailureDetails", {})
        said = [details[key] for key in ("Reason", "Message", "LogFile") if details.get(key)]
        return "; ".join(said) or "EMR gives no reason; see the cluster's log folder"

    def _status(self, step: str) -> dict[str, Any]:
        found = self.hook.conn.describe_step(ClusterId=self.job_flow_id, StepId=step)
        status: dict[str, Any] = found["Step"]["Status"]
        return status


class ResumableServerlessOperator(_Polled, EmrServerlessStartJobOperator):
    """EmrServerlessStartJobOperator whose retry follows the job run of the try before.

    States: docs.aws.amazon.com/emr-serverless/latest/APIReference/API_JobRun.html
    """

    external_id_key = "emr_serverless_job_run"
    active = frozenset({"SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "CANCELLING", "QUEUED"})
    succeeded = "SUCCESS"

    def __init__(self, *, pause: int, **kwargs: Any) -> None:
        super().__init__(wait_for_completion=False, deferrable=False, **kwargs)
        self.pause = pause

    def execute(self, context: Context, event: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Run the job."""
        return self.run_or_resume(context)

    def start_job(self, mark: str, context: Context) -> str:
        """Start the job run; returns its id.

        The mark is also the request's token: the service answers a second request with the same
        token by the same job run, if the first was still on its way when it was looked for.
        """
        self.client_request_token = mark
        self.name = f"{str(self.name).removesuffix(mark).strip()} {mark}"
        return str(EmrServerlessStartJobOperator.execute(self, context))

    def find_job(self, mark: str) -> str | None:
        """The job run whose name ends with the mark."""
        pages = self.hook.conn.get_paginator("list_job_runs").paginate(
            applicationId=self.application_id
        )
        runs = (run for page in pages for run in page["jobRuns"])
        return next((str(run["id"]) for run in runs if run.get("name", "").endswith(mark)), None)

    def get_job_status(self, external_id: Any, context: Context) -> str:  # noqa: ARG002
        """The job run's state in EMR Serverless's words."""
        return str(self._run(external_id)["state"])

    def reason(self, external_id: Any) -> str:
        """What EMR Serverless says of the failed job run."""
        return str(self._run(external_id).get("stateDetails") or "no reason given; see its log")

    def _run(self, job: str) -> dict[str, Any]:
        found = self.hook.conn.get_job_run(applicationId=self.application_id, jobRunId=job)
        run: dict[str, Any] = found["jobRun"]
        return run


class ResumableGlueOperator(MarkedJobMixin, GlueJobOperator):
    """GlueJobOperator whose retry also finds the job run whose number it never noted.

    The provider's own search (``--airflow_task_uuid``) is off where tasks have a state store, and
    its mark is the same for every try.
    """

    def execute(self, context: Context) -> str | None:
        """Run the job."""
        result = super().execute(context)
        self.forget_job(context)
        return result

    def start_job(self, mark: str, context: Context) -> str:
        """Start the job run, with the mark among its arguments; returns its id."""
        self.script_args = {**self.script_args, self.TASK_UUID_ARG: mark}
        return GlueJobOperator.submit_job(self, context)

    def find_job(self, mark: str) -> str | None:
        """The job run with the mark among its arguments."""
        pages = self.hook.conn.get_paginator("get_job_runs").paginate(JobName=self.job_name)
        runs = (run for page in pages for run in page["JobRuns"])
        marked = (run for run in runs if run.get("Arguments", {}).get(self.TASK_UUID_ARG) == mark)
        return next((str(run["Id"]) for run in marked), None)
