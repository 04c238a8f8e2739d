"""Which batch a DAG run is for, and where that batch's files are; used in templates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Protocol

from elt_lib.contract import Feed

BATCH_PARAM = "batch"


class RunContext(Protocol):
    """The context of a run, as templates see it."""

    def get(self, key: str, default: Any = None, /) -> Any:
        """Return a value of the context."""


class NoBatch(ValueError):
    """A run can't tell which batch it is for."""


def batch_start(run: RunContext) -> datetime:
    """The start of the batch of a run, from its template context.

    It is the parameter ``batch`` where given (``YYYY-MM-DD`` or ISO date and time), else the start
    of the data interval. Raises NoBatch where there is neither, as in asset-triggered runs.
    """
    params = run.get("params") or {}
    given = params.get(BATCH_PARAM)
    if given:
        try:
            start = datetime.fromisoformat(str(given))
        except ValueError:
            raise NoBatch(f"parameter batch is {given!r}: write a date, e.g. 2021-09-01") from None
        return start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    interval_start: datetime | None = run.get("data_interval_start")
    if interval_start is None:
        raise NoBatch("this run has no data interval: trigger it with the parameter `batch`")
    return interval_start


def batch_id(run: RunContext) -> str:
    """The batch's name in tables and paths, e.g. ``20191101T000000``."""
    return batch_start(run).strftime("%Y%m%dT%H%M%S")


def run_slug(run: RunContext) -> str:
    """The run's id in characters that every file system takes in a path."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", str(run.get("run_id")))


def raw_url(feed: Feed, lake: str, run: RunContext) -> str:
    """Where the batch's raw files are: an ``s3://`` URL with wildcards."""
    return f"s3://{lake}/{feed.raw_key(batch_start(run))}"


def output_url(feed: Feed, lake: str, area: str, run: RunContext) -> str:
    """The run's own prefix below ``area`` (``staged`` or ``rejected``), with a slash at its end."""
    return f"s3://{lake}/{area}/{feed.source}/{feed.name}/{batch_id(run)}/{run_slug(run)}/"
