"""The EMR cluster of one DAG run."""

from __future__ import annotations

from typing import Any

from elt_lib.settings import Settings

IDLE_SECONDS = 3600
"""A cluster that nobody uses for so long ends itself, whatever happened to its DAG run."""


def job_flow(source: str, settings: Settings) -> dict[str, Any]:
    """The part of EMR's ``RunJobFlow`` request that is the same everywhere.

    Instances, roles, subnets and log folder come from the extra of connection ``emr_default``.
    """
    return {
        "Name": f"starlift-{source}",
        "ReleaseLabel": settings.emr_release,
        "Applications": [{"Name": "Spark"}, {"Name": "Livy"}],
        "AutoTerminationPolicy": {"IdleTimeout": IDLE_SECONDS},
        "Tags": [
            {"Key": "project", "Value": "starlift"},
            {"Key": "source", "Value": source},
            *({"Key": key, "Value": value} for key, value in settings.tags),
        ],
    }
