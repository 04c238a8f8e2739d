"""The operators that the providers lack: Spark through a cluster's Livy, and the load protocol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.emr import EmrHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.apache.livy.hooks.livy import LivyHook
from airflow.providers.apache.livy.operators.livy import LivyOperator
from airflow.sdk import BaseOperator, Connection
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from botocore.exceptions import ClientError
from requests import RequestException

from elt_lib.contract_check import ContractError
from elt_lib.contract_yaml import load_sources
from elt_lib.hooks import WarehouseHook
from elt_lib.load import (
    PermanentLoadError,
    Report,
    Run,
    S3Reader,
    load_batch,
    record_no_data,
)
from elt_lib.marked import MarkedJobMixin
from elt_lib.preflight import PreflightError
from elt_lib.settings import settings
from elt_lib.warehouse import SchemaDrift

if TYPE_CHECKING:
    from airflow.sdk import Context


FAILURE = "preprocess failed: "
"""How the Spark job begins the message that says why it failed."""
LAST_LINES = 10
LOG_TAIL = 60
"""Lines of a failed batch's log in which that message is looked for."""
PAGE = 100
"""Batches that Livy is asked for at once."""


class AddressedLivyHook(LivyHook):
    """LivyHook that takes the address from outside, and only credentials from its connection."""

    def __init__(self, url: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.url = url

    def get_connection(self, conn_id: str) -> Connection:  # type: ignore[override]
        """Return the connection with the address put in; the hook asks for it on every request."""
        connection = super().get_connection(conn_id)
        connection.host, connection.port = self.url, None
        return connection

    def dump_batch_logs(self, session_id: int | str) -> None:
        """Copy the batch's log into the task's; if it can't be read, how the batch ended counts.

        The provider reads the log before it says that a batch failed.
        """
        try:
            super().dump_batch_logs(session_id)
        except Exception as error:  # noqa: BLE001 that the batch failed is the error to report
            self.log.warning("the log of batch %s can't be read: %s", session_id, error)


class ClusterLivyOperator(MarkedJobMixin, LivyOperator):
    """LivyOperator whose address comes from an EMR cluster that exists only at run time.

    A batch's name ends with its mark (see ``elt_lib.marked``): Livy refuses a second one while it
    knows of the first.

    :param job_flow_id: the cluster (templated).
    :param livy_url: Livy's address; ``{master}`` stands for the primary node's DNS name.
    """

    template_fields: Sequence[str] = (*LivyOperator.template_fields, "job_flow_id")

    def __init__(self, *, job_flow_id: str, livy_url: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_flow_id = job_flow_id
        self.livy_url = livy_url

    @cached_property
    def hook(self) -> LivyHook:
        """Livy's hook, pointed at the cluster."""
        cluster = EmrHook(aws_conn_id="aws_default").conn.describe_cluster(
            ClusterId=self.job_flow_id
        )["Cluster"]
        url = self.livy_url.format(master=cluster.get("MasterPublicDnsName", ""))
        if not urlsplit(url).hostname:
            raise AirflowFailException(
                f"cluster {self.job_flow_id} has no primary node for {self.livy_url}: it is "
                f"{cluster['Status']['State']}. Clear create_cluster to start another."
            )
        return AddressedLivyHook(url, livy_conn_id=self._livy_conn_id)

    def execute(self, context: Context) -> Any:
        """Run the batch; a retry finds the batch of the try before, if it is on this cluster.

        Livy numbers batches from 0 on each cluster, so the stored id counts for one cluster only,
        and it is forgotten on success: clearing the task means running it again. A batch that the
        job itself gave up on, for what is in its files, is not retried: it would end the same.
        """
        self.external_id_key = f"livy_batch_id_on_{self.job_flow_id}"
        try:
            result = super().execute(context)
        except AirflowFailException:
            raise
        except AirflowException as error:
            said = self._end_of_log()
            _, final, reason = said.rpartition(FAILURE)
            if final:
                raise AirflowFailException(f"{error}: {reason.strip()}") from error
            last = "\n".join(said.splitlines()[-LAST_LINES:]).strip()
            raise AirflowException(f"{error}: {last}" if last else str(error)) from error
        self.forget_job(context)
        return result

    def start_job(self, mark: str, context: Context) -> str:
        """Post the batch; if its answer is lost, or Livy has it already, find it by its name.

        Returns its number as text: ``ResumableJobMixin`` takes a stored 0, which is a cluster's
        first batch, for no number.
        """
        name = str(self.spark_params["name"]).removesuffix(mark).strip()
        self.spark_params["name"] = f"{name} {mark}"
        try:
            return str(LivyOperator.submit_job(self, context))
        except (AirflowException, RequestException):
            found = self.find_job(mark)
            if found is None:
                raise
            return found

    def find_job(self, mark: str) -> str | None:
        """The number, as text, of the batch whose name ends with the mark."""
        start, total = 0, 1
        while start < total:
            query = {"from": start, "size": PAGE}
            answer = self.hook.run_method("/batches", data=query, retry_args=self.retry_args)
            answer.raise_for_status()
            page = answer.json()
            for batch in page["sessions"]:
                if (batch.get("name") or "").endswith(mark):
                    return str(batch["id"])
            start, total = start + PAGE, page["total"]
        return None

    def _end_of_log(self) -> str:
        """The last lines of the batch's log, where the job says why it failed; may be empty."""
        if self._batch_id is None:
            return ""
        try:
            total = self.hook.get_batch_logs(self._batch_id, 0, 1)["total"]
            tail = self.hook.get_batch_logs(self._batch_id, max(total - LOG_TAIL, 0), LOG_TAIL)
            lines = tail["log"]
        except Exception as error:  # noqa: BLE001 that the batch failed is the error to report
            self.log.warning("the log of batch %s can't be read: %s", self._batch_id, error)
            return ""
        return "\n".join(lines)


class LoadOperator(BaseOperator):
    """Load a preprocessed batch into its staging table, exactly once (see ``elt_lib.load``).

    :param feed_id: ``<source>.<feed>``.
    :param batch_id: the batch (templated).
    :param report_url: where preprocessing wrote ``report.json`` (templated).
    :param wait_task_id: the feed's sensor; the batch has no data if, and only if, it was skipped.

    Returns the rows of the batch in the staging table. Skips, after noting it in the ledger, when
    the batch has no data. Fails without retry where another try can't help.
    """

    template_fields: Sequence[str] = ("batch_id", "report_url")
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        feed_id: str,
        batch_id: str,
        report_url: str,
        wait_task_id: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.feed_id = feed_id
        self.batch_id = batch_id
        self.report_url = report_url
        self.wait_task_id = wait_task_id

    def execute(self, context: Context) -> int:
        """Load, or record that there is nothing to load."""
        source, _, name = self.feed_id.partition(".")
        feed = next(
            feed for feed in load_sources(settings().manifest)[source].feeds if feed.name == name
        )
        run = Run(dag_id=str(context["ti"].dag_id), run_id=str(context["ti"].run_id))
        connect = WarehouseHook(redshift_conn_id="redshift_default").get_conn
        try:
            if self._has_no_data(context, run):
                record_no_data(connect, feed, self.batch_id, run)
                raise AirflowSkipException(f"batch {self.batch_id} of {feed.id} has no data")
            s3 = _s3_reader(S3Hook("aws_default"))
            report = Report.parse(s3.read(self.report_url))
            return load_batch(connect, feed, self.batch_id, report, s3, settings().copy_role, run)
        except (PreflightError, SchemaDrift, ContractError, PermanentLoadError) as error:
            raise AirflowFailException(str(error)) from error

    def _has_no_data(self, context: Context, run: Run) -> bool:
        states = context["ti"].get_task_states(
            dag_id=run.dag_id, task_ids=[self.wait_task_id], run_ids=[run.run_id]
        )
        return bool(states[run.run_id][self.wait_task_id] == "skipped")


def _s3_reader(hook: S3Hook) -> S3Reader:
    client = hook.get_conn()

    def get(url: str, **options: str) -> bytes:
        bucket, key = S3Hook.parse_s3_url(url)
        try:
            body: bytes = client.get_object(Bucket=bucket, Key=key, **options)["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidRange":  # the object is shorter than its manifest says
                return b""
            if code == "NoSuchKey":
                raise PermanentLoadError(
                    f"{url} is not there; nothing was loaded. Clear the preprocess task of this "
                    "run, which writes it."
                ) from error
            raise
        return body

    return S3Reader(
        read=get,
        read_range=lambda url, start, end: get(url, Range=f"bytes={start}-{end - 1}"),
    )
