"""Spark on EMR without Livy: steps and EMR Serverless, where a retry finds the job it lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrServerlessStartJobOperator,
)
from airflow.sdk import ResumableJobMixin
from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class _Polled(ResumableJobMixin):
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
        """Run the job, or follow the one that an earlier try started.

        The number is forgotten on success: clearing the task means running it again.
        """
        result = self.execute_resumable(context)
        store = context.get("task_state_store")
        if store is not None:
            store.delete(self.external_id_key)
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

    def submit_job(self, context: Context) -> str:
        """Add the step; returns its id."""
        steps: Sequence[str] = EmrAddStepsOperator.execute(self, context)
        return steps[0]

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

    def submit_job(self, context: Context) -> str:
        """Start the job run; returns its id."""
        return str(EmrServerlessStartJobOperator.execute(self, context))

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
