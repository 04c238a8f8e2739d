"""Everything that differs between a laptop and AWS, read from the environment once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ENGINE_NEEDS: dict[str, tuple[str, ...]] = {
    "livy": (),
    "emr-steps": (),
    "emr-serverless": ("STARLIFT_SERVERLESS_APPLICATION", "STARLIFT_SPARK_ROLE"),
    "glue": ("STARLIFT_GLUE_JOB",),
}


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
    jobs_prefix: str = "spark_jobs"
    """Where the Spark job stands in the artifacts bucket."""
    dbt: str = ""
    """Path of a dbt in an environment of its own; empty for the one beside Airflow."""
    engine: str = "livy"
    """What runs the Spark job: see ``elt_lib.engines``."""
    serverless_application: str = ""
    """The EMR Serverless application, for that engine."""
    spark_role: str = ""
    """ARN of the role of a Spark job without a cluster."""
    glue_job: str = ""
    """Name of the Glue job, for that engine."""
    glue_database: str = ""
    """The Glue database of the lake's tables; empty: batches are not registered."""
    athena_workgroup: str = "primary"
    """The Athena work group that DAGs query in."""
    tags: tuple[tuple[str, str], ...] = ()
    """Further tags of what a run creates, such as the deployment that it belongs to."""

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
        engine = environ.get("STARLIFT_ENGINE", "livy")
        if engine not in _ENGINE_NEEDS:
            known = ", ".join(_ENGINE_NEEDS)
            raise SettingsError(f"STARLIFT_ENGINE={engine}: write one of {known}")
        if unset := [name for name in _ENGINE_NEEDS[engine] if not environ.get(name)]:
            raise SettingsError(f"STARLIFT_ENGINE={engine} needs {', '.join(unset)}")
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
            jobs_prefix=environ.get("STARLIFT_JOBS", "spark_jobs"),
            dbt=environ.get("STARLIFT_DBT", ""),
            engine=engine,
            serverless_application=environ.get("STARLIFT_SERVERLESS_APPLICATION", ""),
            spark_role=environ.get("STARLIFT_SPARK_ROLE", ""),
            glue_job=environ.get("STARLIFT_GLUE_JOB", ""),
            glue_database=environ.get("STARLIFT_GLUE_DATABASE", ""),
            athena_workgroup=environ.get("STARLIFT_ATHENA_WORKGROUP", "primary"),
            tags=_tags(environ.get("STARLIFT_TAGS", "")),
        )


def _tags(text: str) -> tuple[tuple[str, str], ...]:
    """Read ``key=value`` pairs separated by commas."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if wrong := [key for key, sign, _ in pairs if not (key and sign)]:
        raise SettingsError(f"STARLIFT_TAGS: {', '.join(wrong)}: write key=value,key=value")
    return tuple((key, value) for key, _, value in pairs)


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.load(os.environ)
