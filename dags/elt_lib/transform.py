"""Cosmos: the dbt models around a source as a task group, and the data dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import Asset
from cosmos import (
    DbtTaskGroup,
    ExecutionConfig,
    ExecutionMode,
    InvocationMode,
    LoadMode,
    ProfileConfig,
    ProjectConfig,
    RenderConfig,
    TestBehavior,
)
from cosmos.constants import TestIndirectSelection
from cosmos.operators.local import DbtBuildLocalOperator, DbtDocsS3LocalOperator

from elt_lib.contract_yaml import load_sources
from elt_lib.dictionary import show_own_only
from elt_lib.settings import settings

PROFILE = "starlift"
PUBLISH = "publish"
DOCS_FOLDER = "docs"
SHARED = "shared"
"""Tag of the models that no feed leads to and every source needs (``dim_date``)."""
TARGET_IN_WORKING_COPY = {"DBT_TARGET_PATH": "target", "DBT_LOG_PATH": "logs"}
"""Cosmos runs each task in a copy of the project of its own and looks for results there."""


def transform(source: str) -> DbtTaskGroup:
    """A task per model downstream of the source, its tests included."""
    return DbtTaskGroup(
        group_id="transform",
        project_config=ProjectConfig(
            dbt_project_path=settings().project / "dbt_project",
            manifest_path=settings().manifest,
            install_dbt_deps=False,
            partial_parse=True,
        ),
        profile_config=_profile(),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.LOCAL,
            **_invocation(),
            test_indirect_selection=TestIndirectSelection.BUILDABLE,
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            select=[*(f"{feed}+" for feed in _feeds(source)), f"tag:{SHARED}"],
            test_behavior=TestBehavior.BUILD,
            emit_datasets=False,
            enable_mock_profile=False,
        ),
        operator_args={
            "env": TARGET_IN_WORKING_COPY,
            "append_env": True,
            "dbt_cmd_global_flags": ["--no-write-json"],  # nobody reads a task's own artifacts
            "dbt_cmd_flags": ["--exclude-resource-type", "unit_test"],  # they test code, not data
        },
    )


def load_seeds(source: str) -> DbtBuildLocalOperator:
    """Load and test the source's code lists, all in one task.

    Each run does it: a seed that was changed needs no task of its own, and a run that is let load
    and transform is alone, so that nobody finds a list between TRUNCATE and INSERT.
    """
    return DbtBuildLocalOperator(
        task_id="load_seeds",
        project_dir=settings().project / "dbt_project",
        profile_config=_profile(),
        **_invocation(),
        select=f"path:seeds/{source}",
        indirect_selection=TestIndirectSelection.CAUTIOUS.value,
        install_deps=False,
        env=TARGET_IN_WORKING_COPY,
        append_env=True,
        dbt_cmd_global_flags=["--no-write-json"],
    )


class DictionaryOperator(DbtDocsS3LocalOperator):  # type: ignore[misc]  # Cosmos is untyped
    """dbt's documentation site to S3, with only the project's own things in its navigation."""

    def upload_to_cloud_storage(self, project_dir: str, **kwargs: Any) -> None:
        """Change the manifest that the site reads, then upload."""
        show_own_only(Path(project_dir) / "target" / "manifest.json")
        super().upload_to_cloud_storage(project_dir, **kwargs)


def publish_dictionary(source: str) -> DictionaryOperator:
    """Write the dbt docs site to S3 and tell whoever schedules on the source's asset."""
    return DictionaryOperator(
        task_id=PUBLISH,
        project_dir=settings().project / "dbt_project",
        profile_config=_profile(),
        connection_id="aws_default",
        bucket_name=settings().artifacts_bucket,
        folder_dir=DOCS_FOLDER,
        install_deps=False,
        **_invocation(),
        # Most nodes are tests, and the site shows their source without compiling them.
        dbt_cmd_flags=["--exclude", "resource_type:test", "resource_type:unit_test"],
        outlets=[asset(source)],
        env=TARGET_IN_WORKING_COPY,
        append_env=True,
    )


def asset(source: str) -> Asset:
    """What other DAGs schedule on: the source's marts were built and tested."""
    return Asset(name=f"{source}_marts", uri=f"starlift://{source}/marts")


def _invocation() -> dict[str, Any]:
    """How dbt is called: in the task's process, or as the command of another environment."""
    if settings().dbt:
        return {
            "invocation_mode": InvocationMode.SUBPROCESS,
            "dbt_executable_path": settings().dbt,
        }
    return {"invocation_mode": InvocationMode.DBT_RUNNER}


def _feeds(source: str) -> list[str]:
    feeds = load_sources(settings().manifest)[source].feeds
    return [f"source:{feed.id}" for feed in feeds]


def _profile() -> Any:
    return ProfileConfig(
        profile_name=PROFILE,
        target_name=settings().dbt_target,
        profiles_yml_filepath=settings().project / "profiles" / "profiles.yml",
    )
