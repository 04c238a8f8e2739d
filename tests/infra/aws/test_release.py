"""Releases in a bucket: uploaded by hash, read back, switched at once, rolled back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.aws import manifest as manifests
from infra.aws.deployment import Deployment
from infra.aws.errors import DeployError
from infra.aws.release import (
    DAGS,
    REQUIREMENTS,
    STARTUP,
    SWITCH,
    Releases,
    content_hash,
    environment_keys,
    startup_script,
)

PROJECT = Path(__file__).resolve().parents[3]
BUCKET = "artifacts"
OUTPUTS = {
    "Kind": "serverless",
    "LakeBucket": "lake",
    "ArtifactsBucket": BUCKET,
    "RedshiftCopyRoleArn": "arn:aws:iam::123456789012:role/copy",
    "ReleaseLabel": "emr-spark-8.0.0",
    "ServerlessApplicationId": "app",
    "Engine": "livy",
    "AthenaWorkGroup": "starlift-dev",
    "GlueDatabase": "starlift_dev",
    "EmrServerlessRoleArn": "arn:role",
    "AlertTopicArn": "arn:aws:sns:us-east-1:123456789012:alerts",
    "Endpoint": "wg.123456789012.us-east-1.redshift-serverless.amazonaws.com",
    "Database": "starlift",
}


def test_a_manifest_says_nothing_of_the_run_that_made_it() -> None:
    """Order within a node counts: a contract's columns have one."""

    def parsed(time: float, *names: str) -> bytes:
        nodes = {name: {"created_at": time, "columns": {"b": {}, "a": {}}} for name in names}
        metadata = {"generated_at": str(time), "invocation_id": str(time), "project_name": "x"}
        return json.dumps({"metadata": metadata, "nodes": nodes}).encode()

    found = manifests.timeless(parsed(1.5, "n1", "n2"))
    assert found == manifests.timeless(parsed(2.5, "n2", "n1"))
    content = json.loads(found)
    assert list(content["nodes"]["n1"]["columns"]) == ["b", "a"]
    assert content["metadata"]["project_name"] == "x"


@pytest.mark.slow
def test_the_same_project_gives_the_same_manifest(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(manifests.build(PROJECT, tmp_path / name, {"REDSHIFT_HOST": "h"}))
    assert made[0] == made[1]


@pytest.fixture
def releases(account: Any) -> Releases:
    client = account.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return Releases(client, BUCKET, lambda _: None)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project; the names are those of the real one."""
    for name, text in {
        "dags/one.py": "dag = 1\n",
        "dags/elt_lib/__init__.py": "",
        "dags/__pycache__/one.pyc": "left out",
        "dbt_project/dbt_project.yml": "name: starlift\n",
        "dbt_project/target/manifest.json": "left out",
        "profiles/.user.yml": "left out",
        "profiles/profiles.yml": "starlift: {}\n",
        "spark_jobs/__init__.py": "",
        "spark_jobs/preprocess.py": "print()\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def keys(releases: Releases) -> set[str]:
    found = releases.client.list_objects_v2(Bucket=BUCKET)["Contents"]
    return {each["Key"] for each in found}


def test_a_release_stands_under_its_hash_and_the_switch_names_it(
    releases: Releases, project: Path
) -> None:
    release = releases.publish(project, b"{}", {"STARLIFT_LAKE_BUCKET": "lake"})
    under = f"{DAGS}/releases/{release.hash}"
    assert keys(releases) == {
        f"{DAGS}/.airflowignore",
        SWITCH,
        f"{under}/dags/one.py",
        f"{under}/dags/elt_lib/__init__.py",
        f"{under}/dbt_project/dbt_project.yml",
        f"{under}/profiles/profiles.yml",
        f"{under}/manifest.json",
        f"spark_jobs/{release.hash}/preprocess.py",
        f"spark_jobs/{release.hash}/spark_jobs.zip",
        f"releases/{release.hash}.json",
    }
    assert releases.current() == release.hash
    body = releases.client.get_object(Bucket=BUCKET, Key=SWITCH)["Body"].read().decode()
    assert f'"STARLIFT_JOBS": "spark_jobs/{release.hash}"' in body
    assert '"STARLIFT_LAKE_BUCKET": "lake"' in body


def test_the_same_files_are_sent_once(releases: Releases, project: Path) -> None:
    told: list[str] = []
    releases.say = told.append
    first = releases.publish(project, b"{}", {})
    second = releases.publish(project, b"{}", {})
    assert first.hash == second.hash
    assert [line for line in told if "objects" in line] == [
        f"  release {first.hash}: 8 objects, 8 of them new",
        f"  release {first.hash}: 8 objects, 0 of them new",
    ]


def test_any_change_is_another_release() -> None:
    files = {"a": b"1", "b": b"2"}
    hashes = {
        content_hash(files, {}),
        content_hash({"a": b"12", "b": b""}, {}),
        content_hash({"a": b"1", "c": b"2"}, {}),
        content_hash(files, {"STARLIFT_LAKE_BUCKET": "lake"}),
    }
    assert len(hashes) == 4


def test_what_cannot_be_read_back_is_never_switched_to(
    releases: Releases, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = releases.publish(project, b"{}", {})
    (project / "dags/one.py").write_text("dag = 2\n")
    put = releases.client.put_object

    def lose(**arguments: Any) -> Any:
        if arguments["Key"].endswith("one.py"):
            arguments["Body"] = b"half"
            del arguments["ChecksumSHA256"]
        return put(**arguments)

    monkeypatch.setattr(releases.client, "put_object", lose)
    with pytest.raises(DeployError, match=r"Not what was sent.*one\.py.*stays current"):
        releases.publish(project, b"{}", {})
    assert releases.current() == before.hash


def test_rollback_goes_one_release_back_and_forward_again(
    releases: Releases, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = releases.publish(project, b"{}", {"A": "1"})
    body = releases.client.get_object(Bucket=BUCKET, Key=SWITCH)["Body"].read()
    record = {"hash": first.hash, "published_at": "2026-01-01T00:00:00Z", "settings": {"A": "1"}}
    releases.put(f"releases/{first.hash}.json", json.dumps(record).encode())
    (project / "dags/one.py").write_text("dag = 2\n")
    second = releases.publish(project, b"{}", {"A": "1"})
    assert releases.rollback().hash == first.hash
    assert releases.client.get_object(Bucket=BUCKET, Key=SWITCH)["Body"].read() == body
    with pytest.raises(DeployError, match="no release before"):
        releases.rollback()
    assert releases.rollback(second.hash).hash == second.hash
    assert releases.current() == second.hash
    with pytest.raises(DeployError, match="There is no release nonsense"):
        releases.rollback("nonsense")


def test_what_components_start_with_carries_its_version(
    releases: Releases, deployment: Deployment
) -> None:
    with pytest.raises(DeployError, match="run publish"):
        releases.environment_versions(deployment)
    requirements = b"pyarrow\n"
    startup = startup_script(BUCKET, "airflow/dbt/a.zip", "a" * 64)
    releases.publish_environment({REQUIREMENTS: requirements, STARTUP: startup})
    first = releases.environment_versions(deployment)
    startup = startup_script(BUCKET, "airflow/dbt/b.zip", "b" * 64)
    releases.publish_environment({REQUIREMENTS: requirements, STARTUP: startup})
    second = releases.environment_versions(deployment)
    assert first["RequirementsVersion"] == second["RequirementsVersion"]
    assert first["StartupVersion"] != second["StartupVersion"]
    text = releases.client.get_object(Bucket=BUCKET, Key="airflow/startup.sh")["Body"].read()
    assert b"ARCHIVE_KEY=airflow/dbt/b.zip" in text
    assert b"@" not in text.split(b"began=")[0].split(b"set -euo")[1]


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, {"RequirementsVersion", "StartupVersion"}),
        ({"Egress": "endpoints"}, {"RequirementsVersion", "StartupVersion", "PluginsVersion"}),
        ({"Airflow": "ec2", "Egress": "endpoints"}, {"BundleVersion"}),
    ],
)
def test_each_way_to_run_airflow_starts_with_files_of_its_own(
    settings: dict[str, str], parameters: set[str]
) -> None:
    assert environment_keys(Deployment("starlift", "dev", settings)).keys() == parameters
