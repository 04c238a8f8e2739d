"""The EMR cluster of one DAG run: made once, shared by the run's feeds, found again by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.emr import EmrHook
from airflow.providers.amazon.aws.operators.emr import EmrCreateJobFlowOperator

from elt_lib.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

IDLE_SECONDS = 3600
"""A cluster that nobody uses for so long ends itself, whatever happened to its DAG run."""
ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
"""States of a cluster that costs money and has not been told to end."""
RUN_TAG, DAG_TAG = "run_id", "dag_id"
TAG_LENGTH = 256
MANAGED_TAG = "for-use-with-amazon-emr-managed-policies"
"""EMR's own policy for its service role lets it start nodes of clusters with this tag only
(docs.aws.amazon.com/emr/latest/ManagementGuide/emr-managed-iam-policies.html)."""

SPARK_DEFAULTS = {
    f"spark.{process}.extraJavaOptions": "-XX:-DontCompileHugeMethods"
    for process in ("driver", "executor")
}
"""Java compiles long methods, too: those of feeds with many columns (``spark_jobs.session``). The
cluster's own ``defaultJavaOptions`` stay (spark.apache.org/docs/latest/configuration.html)."""


def job_flow(source: str, settings: Settings) -> dict[str, Any]:
    """The part of EMR's ``RunJobFlow`` request that is the same everywhere (templated).

    Instances, roles, subnets and log folder come from the extra of connection ``emr_default``.
    """
    deployment = dict(settings.tags).get("deployment", "starlift")
    tags = {**run_tags(source, settings), MANAGED_TAG: "true"}
    return {
        "Name": f"{deployment}-{source} {{{{ run_tag() }}}}",
        "ReleaseLabel": settings.emr_release,
        "Applications": [{"Name": "Spark"}, {"Name": "Livy"}],
        "Configurations": [{"Classification": "spark-defaults", "Properties": SPARK_DEFAULTS}],
        "AutoTerminationPolicy": {"IdleTimeout": IDLE_SECONDS},
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def run_tags(source: str, settings: Settings) -> dict[str, str]:
    """Tags that say which deployment, source and DAG run something belongs to (templated)."""
    return {
        "project": "starlift",
        "source": source,
        DAG_TAG: source,
        RUN_TAG: "{{ run_tag() }}",
        **dict(settings.tags),
    }


def tag_value(text: str) -> str:
    """A text in the characters that AWS takes in a tag's value.

    Source: docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    """
    return re.sub(r"[^A-Za-z0-9 _.:/=+@-]", "-", text)[:TAG_LENGTH]


class RunClusterHook(EmrHook):
    """EmrHook that asks for one cluster per name: ``RunJobFlow`` itself takes no token."""

    def create_job_flow(self, job_flow_overrides: dict[str, Any]) -> dict[str, Any]:
        """Create the cluster, or return the living one that has its name."""
        pages = self.conn.get_paginator("list_clusters").paginate(ClusterStates=list(ALIVE))
        for page in pages:
            for cluster in page["Clusters"]:
                if cluster["Name"] == job_flow_overrides["Name"]:
                    self.log.info("The run has a cluster already: %s", cluster["Id"])
                    return {"JobFlowId": cluster["Id"], "ResponseMetadata": {"HTTPStatusCode": 200}}
        created: dict[str, Any] = super().create_job_flow(job_flow_overrides)
        return created


class RunClusterOperator(EmrCreateJobFlowOperator):
    """EmrCreateJobFlowOperator whose retry finds the cluster of the try before.

    The provider ends a cluster that does not come up; here every failure after the request ends
    it, because a failed setup task has no teardown. What a SIGKILL of the last try leaves, its idle
    limit ends.
    """

    aws_hook_class = RunClusterHook
    _job_flow_id: str | None = None

    def execute(self, context: Context) -> str | None:
        """Make the cluster and wait until it takes work; returns its id."""
        try:
            return super().execute(context)
        except Exception:
            self._end_cluster()
            raise

    def _end_cluster(self) -> None:
        cluster = self._job_flow_id
        if cluster is None:
            return
        self.log.warning("Cluster %s is of no use: ending it", cluster)
        try:
            self.hook.conn.terminate_job_flows(JobFlowIds=[cluster])
        except Exception:
            self.log.exception("Cluster %s can't be ended; it ends itself when idle", cluster)
