"""Tasks' logs as MWAA keeps them in CloudWatch: a stream per try, one JSON object per line.

They are not asked for through Airflow's API: MWAA's door to it takes no path as long as a log's,
waits for ten seconds, and passes six megabytes on (MWAA user guide, "Using the Apache Airflow REST
API"). Names of groups and streams: aws/amazon-mwaa-docker-images, images/airflow/3.3.1,
python/mwaa/logging/cloudwatch_handlers.py, and Airflow's [logging] log_filename_template.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.errors import DeployError

NOT_SHOWN = frozenset(
    {"event", "level", "timestamp", "logger", "filename", "lineno", "error_detail"}
)


def group(environment: str) -> str:
    """The log group of an MWAA environment's tasks."""
    return f"airflow-{environment}-Task"


def stream(dag: str, run_id: str, task: str, attempt: int, map_index: int = -1) -> str:
    """The log stream of one try; CloudWatch takes no colon in a name."""
    mapped = f"map_index={map_index}/" if map_index >= 0 else ""
    name = f"dag_id={dag}/run_id={run_id}/task_id={task}/{mapped}attempt={attempt}.log"
    return name.replace(":", "_")


def lines(client: Any, environment: str, name: str) -> Iterator[str]:
    """The log of one try, line by line, with what the triggerer wrote for it in between.

    Raises DeployError when CloudWatch has no such stream.
    """
    try:
        pages = client.get_paginator("describe_log_streams").paginate(
            logGroupName=group(environment), logStreamNamePrefix=name
        )
        names = [each["logStreamName"] for page in pages for each in page["logStreams"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        names = []
    if not names:
        raise DeployError(
            f"CloudWatch has no {name} in {group(environment)}. A task's first lines take some "
            "seconds to get there; one that was killed before it began has none."
        )
    events = [event for each in names for event in _events(client, group(environment), each)]
    for event in sorted(events, key=lambda each: int(each["timestamp"])):
        yield from _text(event)


def _events(client: Any, log_group: str, name: str) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = client.get_log_events(
            logGroupName=log_group, logStreamName=name, startFromHead=True, **token
        )
        yield from page["events"]
        if page["nextForwardToken"] == token.get("nextToken"):  # the end, says CloudWatch so
            return
        token = {"nextToken": page["nextForwardToken"]}


def _text(event: Mapping[str, Any]) -> Iterator[str]:
    """An event as text: when, how bad, what, with what; then where an error came from."""
    when = f"{datetime.fromtimestamp(event['timestamp'] / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    try:
        said = json.loads(event["message"])
    except ValueError:
        said = None
    if not isinstance(said, dict):
        yield f"{when} {event['message']}"
        return
    more = "".join(f" {name}={said[name]}" for name in sorted(said.keys() - NOT_SHOWN))
    yield f"{when} {str(said.get('level', '')).upper():7} {said.get('event', '')}{more}"
    for error in reversed(said.get("error_detail") or []):
        yield from _traceback(error)


def _traceback(error: Mapping[str, Any]) -> Iterator[str]:
    for frame in error.get("frames") or []:
        yield f'  File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
    yield f"{error.get('exc_type')}: {error.get('exc_value')}"
