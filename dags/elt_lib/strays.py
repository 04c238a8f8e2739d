"""What runs left behind: Spark that nobody waits for, and files that nothing refers to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from elt_lib.emr import ALIVE, DAG_TAG, RUN_TAG
from elt_lib.settings import Settings

IsRunning = Callable[[str, str], bool]
"""Whether a DAG run, by DAG and run id, is queued or running."""

SERVERLESS_ALIVE = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED")
GLUE_ALIVE = frozenset({"STARTING", "RUNNING", "WAITING"})
GLUE_DAG, GLUE_RUN = f"--{DAG_TAG}", f"--{RUN_TAG}"
"""Arguments that name the DAG run of a Glue job run: job runs have no tags."""
CLUSTER, SERVERLESS_JOB, GLUE_JOB_RUN = "EMR cluster", "EMR Serverless job", "Glue job run"
GIGABYTE = 1024**3
FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException"})


@dataclass(frozen=True)
class Stray:
    """Something that is there and should not be; ``costs`` says whether it is paid by the hour."""

    kind: str
    name: str
    since: datetime
    why: str
    costs: bool
    amount: str = ""


def stray_clusters(emr: Any, settings: Settings, is_running: IsRunning) -> Iterator[Stray]:
    """EMR clusters of this deployment that live without their DAG run."""
    wanted = {"project": "starlift", **dict(settings.tags)}
    for page in emr.get_paginator("list_clusters").paginate(ClusterStates=list(ALIVE)):
        for listed in page["Clusters"]:
            if not listed["Name"].startswith(f"{wanted.get('deployment', 'starlift')}-"):
                continue
            try:
                cluster = emr.describe_cluster(ClusterId=listed["Id"])["Cluster"]
            except ClientError as error:
                if error.response["Error"]["Code"] in FORBIDDEN:
                    continue  # another deployment's, which we may not even look at
                raise
            tags = {tag["Key"]: tag["Value"] for tag in cluster.get("Tags", [])}
            if wanted.items() <= tags.items() and (why := _orphan(tags, is_running)):
                since = cluster["Status"]["Timeline"]["CreationDateTime"]
                yield Stray(CLUSTER, listed["Id"], since, why, costs=True)


def stray_serverless_runs(
    client: Any, settings: Settings, is_running: IsRunning
) -> Iterator[Stray]:
    """Job runs of the EMR Serverless application that go on without their DAG run."""
    application = settings.serverless_application
    if not application:
        return
    pages = client.get_paginator("list_job_runs").paginate(
        applicationId=application, states=list(SERVERLESS_ALIVE)
    )
    for listed in (run for page in pages for run in page["jobRuns"]):
        found = client.get_job_run(applicationId=application, jobRunId=listed["id"])["jobRun"]
        if why := _orphan(found.get("tags", {}), is_running):
            yield Stray(SERVERLESS_JOB, listed["id"], listed["createdAt"], why, costs=True)


def stray_glue_runs(client: Any, settings: Settings, is_running: IsRunning) -> Iterator[Stray]:
    """Runs of the Glue job that go on without their DAG run."""
    if not settings.glue_job:
        return
    pages = client.get_paginator("get_job_runs").paginate(JobName=settings.glue_job)
    for run in (run for page in pages for run in page["JobRuns"]):
        given = run.get("Arguments", {})
        named = {DAG_TAG: given.get(GLUE_DAG, ""), RUN_TAG: given.get(GLUE_RUN, "")}
        if run["JobRunState"] in GLUE_ALIVE and (why := _orphan(named, is_running)):
            yield Stray(GLUE_JOB_RUN, run["Id"], run["StartedOn"], why, costs=True)


def stray_attempts(
    s3: Any, bucket: str, loaded: Collection[str], before: datetime
) -> Iterator[Stray]:
    """Staged attempts whose last file is older than ``before`` and that no ledger entry names.

    ``loaded`` are the manifests' URLs of the ledger. An attempt is lost when its task was killed,
    and superseded when its batch was preprocessed again.
    """
    kept = {url.rpartition("/")[0] for url in loaded}
    newest: dict[str, datetime] = {}
    size: dict[str, int] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="staged/"):
        for each in page.get("Contents", []):
            folder, found, rest = each["Key"].partition("/attempt-")
            if not found:
                continue
            attempt = f"s3://{bucket}/{folder}/attempt-{rest.partition('/')[0]}"
            newest[attempt] = max(each["LastModified"], newest.get(attempt, each["LastModified"]))
            size[attempt] = size.get(attempt, 0) + each["Size"]
    for attempt, changed in sorted(newest.items()):
        if attempt not in kept and changed < before:
            amount = f"{size[attempt] / GIGABYTE:.3f} GB"
            yield Stray(
                "attempt", attempt, changed, "not in the ledger", costs=False, amount=amount
            )


def stray_uploads(s3: Any, bucket: str, before: datetime) -> Iterator[Stray]:
    """Uploads in parts that began before ``before`` and were neither finished nor given up."""
    try:
        pages = list(s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket))
    except s3.exceptions.NoSuchUpload:
        # What rclone's S3 server answers for a bucket that never had one; S3 sends an empty list.
        return
    for page in pages:
        for each in page.get("Uploads", []):
            if each["Initiated"] < before:
                name = f"s3://{bucket}/{each['Key']}"
                yield Stray("upload", name, each["Initiated"], "never finished", costs=False)


def _orphan(tags: Mapping[str, str], is_running: IsRunning) -> str:
    """Why something with these tags is a stray; empty when its DAG run is under way."""
    dag_id, run_id = tags.get(DAG_TAG, ""), tags.get(RUN_TAG, "")
    if not (dag_id and run_id):
        return "names no DAG run"
    return "" if is_running(dag_id, run_id) else f"{dag_id} {run_id} is not running"


def render(strays: Iterable[Stray], now: datetime | None = None) -> str:
    """Strays as a table, those that cost by the hour first; ages in days and hours."""
    now = now or datetime.now(UTC)
    rows = [("what", "name", "age", "size", "why")]
    for stray in sorted(strays, key=lambda each: (not each.costs, each.kind, each.since)):
        rows.append((stray.kind, stray.name, _age(now - stray.since), stray.amount, stray.why))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _age(age: timedelta) -> str:
    hours = int(age.total_seconds()) // 3600
    return f"{hours // 24} d {hours % 24} h"
