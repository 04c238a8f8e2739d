"""Where the Spark job runs: one job and one set of arguments, an operator per engine."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

from airflow.sdk import BaseOperator

from elt_lib.contract import Feed
from elt_lib.emr import run_tags
from elt_lib.operators import ClusterLivyOperator
from elt_lib.resumable import (
    ResumableGlueOperator,
    ResumableServerlessOperator,
    ResumableStepOperator,
)
from elt_lib.settings import Settings
from elt_lib.strays import GLUE_DAG, GLUE_RUN

LONGEST = timedelta(hours=6)


class Engine(StrEnum):
    """What runs the Spark job (``STARLIFT_ENGINE``)."""

    LIVY = "livy"
    """Livy on the run's EMR cluster."""
    EMR_STEPS = "emr-steps"
    """Steps of the run's EMR cluster, one after another or side by side as the cluster allows."""
    EMR_SERVERLESS = "emr-serverless"
    """An EMR Serverless application, without a cluster."""
    GLUE = "glue"
    """A Glue job, without a cluster."""

    @property
    def needs_cluster(self) -> bool:
        """Whether a run makes an EMR cluster for it."""
        return self in {Engine.LIVY, Engine.EMR_STEPS}


def preprocess(
    feed: Feed, arguments: dict[str, str], cluster: str, settings: Settings
) -> BaseOperator:
    """The task that runs the Spark job for one feed.

    ``arguments`` are the job's options (templated); ``cluster`` is the EMR cluster's id, for
    engines that need one. In every engine a retry follows the job of the try before while it
    runs, also one whose number it never heard, and starts another only when it has failed.
    """
    jobs = f"s3://{settings.artifacts_bucket}/{settings.jobs_prefix}"
    script, package = f"{jobs}/preprocess.py", f"{jobs}/spark_jobs.zip"
    name = f"{feed.id} {{{{ batch_id() }}}}"
    flat = [text for pair in arguments.items() for text in pair]
    pause = min(settings.poll_seconds, 15)
    common: dict[str, Any] = {
        "task_id": f"preprocess_{feed.name}",
        "execution_timeout": LONGEST,
    }
    match Engine(settings.engine):
        case Engine.LIVY:
            return ClusterLivyOperator(
                **common,
                job_flow_id=cluster,
                livy_url=settings.livy_url,
                file=script,
                py_files=[package],
                name=name,
                args=flat,
                polling_interval=pause,
                deferrable=False,  # only then a retry finds the batch of the try before
                retry_args=None,
            )
        case Engine.EMR_STEPS:
            command = ["spark-submit", "--deploy-mode", "cluster", "--py-files", package, script]
            step = {
                "Name": name,
                "ActionOnFailure": "CONTINUE",
                "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [*command, *flat]},
            }
            return ResumableStepOperator(**common, job_flow_id=cluster, steps=[step], pause=pause)
        case Engine.EMR_SERVERLESS:
            return ResumableServerlessOperator(
                **common,
                application_id=settings.serverless_application,
                execution_role_arn=settings.spark_role,
                name=name,
                config={"tags": run_tags(feed.source, settings)},
                job_driver={
                    "sparkSubmit": {
                        "entryPoint": script,
                        "entryPointArguments": flat,
                        "sparkSubmitParameters": f"--py-files {package}",
                    }
                },
                pause=pause,
            )
        case Engine.GLUE:
            return ResumableGlueOperator(
                **common,
                job_name=settings.glue_job,
                # The job belongs to the deployment, its script to the release: --scriptLocation of
                # a run wins (docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html).
                script_args={
                    **arguments,
                    "--scriptLocation": script,
                    "--extra-py-files": package,
                    GLUE_DAG: feed.source,
                    GLUE_RUN: "{{ run_tag() }}",
                },
                job_poll_interval=pause,
                stop_job_run_on_kill=True,
                durable=True,
                deferrable=False,
            )
