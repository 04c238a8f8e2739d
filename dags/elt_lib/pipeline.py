"""The pipeline of one source: sense, preprocess and load each feed, transform, publish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.providers.amazon.aws.operators.emr import EmrTerminateJobFlowOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.utils.waiter import WaitPolicy
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import BaseOperator, Param, TriggerRule, timezone
from airflow.timetables.interval import CronDataIntervalTimetable
from jinja2 import pass_context
from jinja2.runtime import Context as JinjaContext

from elt_lib import batch, engines
from elt_lib.contract import Empty, Feed
from elt_lib.contract_yaml import load_sources
from elt_lib.emr import RunClusterOperator, job_flow, tag_value
from elt_lib.engines import Engine
from elt_lib.lake import register_batches
from elt_lib.operators import LoadOperator
from elt_lib.settings import settings
from elt_lib.transform import PUBLISH, load_seeds, publish_dictionary, transform

if TYPE_CHECKING:
    from airflow.sdk import Context

# States of a run's `publish` that say: its models and their tests are done.
_BUILT = frozenset({"scheduled", "queued", "running", "up_for_retry", "success", "failed"})


def dag_options(source: str) -> dict[str, Any]:
    """Arguments of ``DAG`` that follow from the source's contract and the settings."""
    declared = load_sources(settings().manifest)[source]
    start = declared.start_date
    return {
        "dag_id": source,
        "description": declared.description.split("\n", 1)[0],
        "schedule": CronDataIntervalTimetable(declared.schedule, timezone="UTC"),
        "start_date": datetime(start.year, start.month, start.day, tzinfo=timezone.utc),
        "catchup": False,
        "max_active_runs": 2,  # one loads and transforms, the next may preprocess meanwhile
        "tags": ["starlift", source],
        "default_args": default_args(),
        "params": {
            batch.BATCH_PARAM: Param(
                None,
                type=["null", "string"],
                description="Start of the batch, e.g. 2021-09-01; empty: the run's data interval.",
            )
        },
        "user_defined_macros": _macros(source),
    }


def default_args() -> dict[str, Any]:
    """What holds for the tasks of every DAG: owner, retries, and who hears of a failure."""
    topic = settings().alert_topic
    return {
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": timedelta(seconds=settings().retry_seconds),
        "on_failure_callback": _alert(topic) if topic else None,
    }


def source_pipeline(source: str) -> None:
    """Add the tasks of one source to the DAG in whose ``with`` block this is called."""
    declared = load_sources(settings().manifest)[source]
    cluster = ClusterTasks(source) if Engine(settings().engine).needs_cluster else None
    loaded = EmptyOperator(
        task_id="all_loaded", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    )
    turn = wait_for_turn()
    for feed in declared.feeds:
        wait = wait_for(feed)
        preprocess = preprocess_batch(feed, cluster.id if cluster else "")
        wait >> preprocess >> turn
        if cluster:
            wait >> cluster.create >> preprocess >> cluster.terminate
        [preprocess, turn] >> load_batch(feed, wait.task_id) >> loaded
    if settings().glue_database:
        loaded >> register_batches(source)
    ready = loaded >> load_seeds(source) if declared.seeds else loaded
    ready >> transform(source) >> publish_dictionary(source)


class ClusterTasks:
    """The EMR cluster that a run's feeds share: made when files are there, always ended."""

    def __init__(self, source: str) -> None:
        self.create = RunClusterOperator(
            task_id="create_cluster",
            job_flow_overrides=job_flow(source, settings()),
            emr_conn_id="emr_default",
            wait_policy=WaitPolicy.WAIT_FOR_COMPLETION,  # ends when the cluster waits for work
            waiter_delay=settings().poll_seconds,
            waiter_max_attempts=240,
            execution_timeout=timedelta(hours=1),
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        )
        self.id = cast("str", self.create.output)  # an XComArg, resolved at run time
        self.terminate = EmrTerminateJobFlowOperator(
            task_id="terminate_cluster", job_flow_id=self.id
        ).as_teardown(setups=self.create)


def wait_for(feed: Feed) -> S3KeySensor:
    """Sense a batch: files are there, there is no data (skipped), or it is late (failed).

    The wait counts from the end of the data interval, so that a back-fill of old batches decides
    at once.
    """
    return S3KeySensor(
        task_id=f"wait_for_{feed.name}",
        bucket_key=f"{{{{ raw_url('{feed.name}') }}}}",
        wildcard_match=True,
        mode="reschedule",
        poke_interval=settings().poll_seconds,
        timeout=feed.wait,
        soft_fail=feed.empty is Empty.ALLOW,
        pre_execute=_wait_until_late(feed.wait),
    )


def preprocess_batch(feed: Feed, cluster: str) -> BaseOperator:
    """Turn a batch's raw files into Parquet, rejects, manifest and report."""
    arguments = {
        "--feed": feed.spec(),
        "--batch-id": "{{ batch_id() }}",
        "--input": f"{{{{ raw_url('{feed.name}') }}}}",
        "--output": f"{{{{ output_url('{feed.name}', 'staged') }}}}",
        "--rejected": f"{{{{ output_url('{feed.name}', 'rejected') }}}}",
        "--slices": str(settings().slices),
    }
    return engines.preprocess(feed, arguments, cluster, settings())


def wait_for_turn() -> PythonSensor:
    """Wait until the run before has built its models, so that runs load and transform in order.

    A load that commits between two models of another run would let the second see stations that
    the first didn't. It holds whatever limit a back-fill was started with, and a failed run holds
    nobody up. A run that only publishes any more doesn't either.
    """
    return PythonSensor(
        task_id="wait_for_turn",
        python_callable=_is_our_turn,
        mode="reschedule",
        poke_interval=settings().poll_seconds * 2,
        timeout=timedelta(days=7),
        trigger_rule=TriggerRule.ALL_DONE,
        # A scheduler slower than the interval finds the task queued again when it hears that the
        # look before has ended, takes that for a failure, and spends a try on it.
        retries=100,
    )


def load_batch(feed: Feed, wait_task_id: str) -> LoadOperator:
    """Load a batch's Parquet into its staging table."""
    return LoadOperator(
        task_id=f"load_{feed.name}",
        feed_id=feed.id,
        batch_id="{{ batch_id() }}",
        report_url=f"{{{{ output_url('{feed.name}', 'staged') }}}}report.json",
        wait_task_id=wait_task_id,
        trigger_rule=TriggerRule.NONE_FAILED,  # also after a skip, to record that there is no data
        execution_timeout=timedelta(hours=2),
    )


def _macros(source: str) -> dict[str, Any]:
    """The functions that this source's templates call; each reads the run from its context."""
    feeds = {feed.name: feed for feed in load_sources(settings().manifest)[source].feeds}
    lake = settings().lake_bucket

    @pass_context
    def batch_id(run: JinjaContext) -> str:
        return batch.batch_id(run)

    @pass_context
    def raw_url(run: JinjaContext, feed: str) -> str:
        return batch.raw_url(feeds[feed], lake, run)

    @pass_context
    def output_url(run: JinjaContext, feed: str, area: str) -> str:
        return batch.output_url(feeds[feed], lake, area, run)

    @pass_context
    def run_tag(run: JinjaContext) -> str:
        return tag_value(str(run.get("run_id")))

    return {
        "batch_id": batch_id,
        "raw_url": raw_url,
        "output_url": output_url,
        "run_tag": run_tag,
    }


def _is_our_turn(ti: Any, **_: object) -> bool:
    earlier = ti.get_previous_dagrun(state="running")
    if earlier is None:
        return True
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[PUBLISH], run_ids=[earlier.run_id])
    return states.get(earlier.run_id, {}).get(PUBLISH) in _BUILT


def _wait_until_late(wait: timedelta) -> Callable[[Context], None]:
    def set_timeout(context: Context) -> None:
        deadline = _end_of_batch(context) + wait
        left = max((deadline - timezone.utcnow()).total_seconds(), 0.0)
        sensor = cast("S3KeySensor", context["task"])
        sensor.timeout = left
        sensor.log.info("the batch is late after %s (%.0f s from now)", deadline, left)

    return set_timeout


def _end_of_batch(context: Context) -> datetime:
    """When the batch's interval is over; a batch of the parameter is as long as the run's own."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None:
        return timezone.utcnow()
    return min(end, batch.batch_start(cast("batch.RunContext", context)) + (end - start))


def _alert(topic: str) -> SnsNotifier:
    return SnsNotifier(
        aws_conn_id="aws_default",
        target_arn=topic,
        subject="Starlift: {{ ti.dag_id }}.{{ ti.task_id }} failed",
        message="Run {{ run_id }}, task {{ ti.task_id }}, try {{ ti.try_number }} failed.",
    )
