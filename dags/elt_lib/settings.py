"""Everything that differs between a laptop and AWS, read from the environment once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


class SettingsError(ValueError):
    """A setting is missing from the environment."""


@dataclass(frozen=True)
class Settings:
    """Where things are. Names and secrets of services come from Airflow connections instead."""

    project: Path
    """The checkout: holds dbt_project/ and profiles/."""
    manifest: Path
    """dbt's manifest, built beforehand."""
    lake_bucket: str
    artifacts_bucket: str
    livy_url: str
    """Livy's address; ``{master}`` stands for the cluster's primary node."""
    copy_role: str
    """ARN of the role with which Redshift reads the lake."""
    dbt_target: str
    emr_release: str
    retry_seconds: int
    poll_seconds: int
    """Pause between two looks at S3 or Livy."""
    alert_topic: str
    """ARN of the SNS topic that hears of failed tasks; empty for none."""
    slices: int = 1
    """Slices of the warehouse: a batch that is large enough has a Parquet file for each."""

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; raises SettingsError that names what is missing."""
        needed = (
            "STARLIFT_PROJECT",
            "STARLIFT_MANIFEST",
            "STARLIFT_LAKE_BUCKET",
            "STARLIFT_ARTIFACTS_BUCKET",
            "STARLIFT_LIVY_URL",
            "STARLIFT_COPY_ROLE",
            "STARLIFT_DBT_TARGET",
        )
        missing = [name for name in needed if not environ.get(name)]
        if missing:
            raise SettingsError(
                f"not set: {', '.join(missing)}. On a laptop `set -a; . .local/env`; on AWS they "
                "are variables of the environment."
            )
        return cls(
            project=Path(environ["STARLIFT_PROJECT"]),
            manifest=Path(environ["STARLIFT_MANIFEST"]),
            lake_bucket=environ["STARLIFT_LAKE_BUCKET"],
            artifacts_bucket=environ["STARLIFT_ARTIFACTS_BUCKET"],
            livy_url=environ["STARLIFT_LIVY_URL"],
            copy_role=environ["STARLIFT_COPY_ROLE"],
            dbt_target=environ["STARLIFT_DBT_TARGET"],
            emr_release=environ.get("STARLIFT_EMR_RELEASE", "emr-spark-8.0.0"),
            retry_seconds=int(environ.get("STARLIFT_RETRY_SECONDS", "60")),
            poll_seconds=int(environ.get("STARLIFT_POLL_SECONDS", "15")),
            alert_topic=environ.get("STARLIFT_ALERT_TOPIC", ""),
            slices=int(environ.get("STARLIFT_SLICES", "1")),
        )


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.load(os.environ)
