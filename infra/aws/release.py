"""Releases: what Airflow runs, uploaded under the hash of its content and switched in one request.

In the artifacts bucket::

    airflow/dags/.airflowignore            keeps Airflow from parsing the releases as they lie
    airflow/dags/starlift.py               the switch: names the current release and its settings
    airflow/dags/releases/<hash>/…         dags, dbt project, profiles, manifest of one release
    spark_jobs/<hash>/…                    its Spark job
    airflow/startup.sh, requirements.txt   read by MWAA when the environment is made or updated
    airflow/plugins.zip                    packages for an MWAA that reaches no package index
    airflow/selfhosted.zip                 all that a machine needs, where Airflow runs on EC2
    releases/<hash>.json                   when it was published, and the settings it ran with

MWAA copies ``airflow/dags`` to its components. One object says which release counts, so that no
component ever runs half of one and half of another.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.change_sets import Say
from infra.aws.deployment import Deployment
from infra.aws.errors import DeployError
from infra.publish import NOT_FOUND, spark_archive

MWAA = Path(__file__).with_name("mwaa")
DAGS = "airflow/dags"
SWITCH = f"{DAGS}/starlift.py"
IGNORE = f"{DAGS}/.airflowignore"
REQUIREMENTS = "airflow/requirements.txt"
STARTUP = "airflow/startup.sh"
PLUGINS = "airflow/plugins.zip"
BUNDLE = "airflow/selfhosted.zip"
FOLDERS = ("dags", "dbt_project", "profiles")
LEFT_OUT = frozenset({"target", "logs", "__pycache__", "dbt_packages", ".user.yml"})
"""What tools leave in a checkout; the last is dbt's name for whoever runs it."""
HASH_LENGTH = 16


@dataclass(frozen=True)
class Release:
    """One published release: its hash, when it was published (UTC), and its settings."""

    hash: str
    published_at: str
    settings: Mapping[str, str]


class Releases:
    """The releases in one artifacts bucket."""

    def __init__(self, client: Any, bucket: str, say: Say) -> None:
        self.client = client
        self.bucket = bucket
        self.say = say

    def publish(self, project: Path, manifest: bytes, settings: Mapping[str, str]) -> Release:
        """Upload what is not there yet, read all of it back, then switch.

        ``settings`` are the ``STARLIFT_*`` variables of this deployment. Raises DeployError, and
        leaves the release before in place, when an object can't be read back as it was sent.
        """
        files = dict(release_files(project, manifest))
        name = content_hash(files, settings)
        prefix = f"{DAGS}/releases/{name}"
        objects = {f"{prefix}/{path}": body for path, body in files.items()}
        package = project / "spark_jobs"
        objects[f"spark_jobs/{name}/preprocess.py"] = (package / "preprocess.py").read_bytes()
        objects[f"spark_jobs/{name}/spark_jobs.zip"] = spark_archive(package)
        objects[IGNORE] = b"releases/\n"
        sent = sum(self.put(key, body) for key, body in objects.items())
        self.say(f"  release {name}: {len(objects)} objects, {sent} of them new")
        self.verify(objects)
        release = Release(name, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", dict(settings))
        self.put(f"releases/{name}.json", json.dumps(asdict(release), indent=2).encode())
        self.switch(release)
        return release

    def publish_environment(self, files: Mapping[str, bytes]) -> None:
        """Upload what Airflow's components start with, by key (see `environment_files`).

        They read it by S3 version, when their stack is deployed.
        """
        for key, body in files.items():
            self.put(key, body)

    def environment_versions(self, deployment: Deployment) -> dict[str, str]:
        """Parameters of the stack with Airflow: the S3 versions of what its components start with.

        Raises DeployError when nothing was published yet, or the bucket keeps no versions.
        """
        versions = {}
        for parameter, key in environment_keys(deployment).items():
            head = self._head(key)
            if head is None:
                raise DeployError(
                    f"s3://{self.bucket}/{key} is not there yet: run publish, then deploy."
                )
            if "VersionId" not in head:
                raise DeployError(f"{self.bucket} keeps no versions: deploy --only storage.")
            versions[parameter] = str(head["VersionId"])
        return versions

    def current(self) -> str | None:
        """Hash of the release that Airflow runs; None before the first."""
        head = self._head(SWITCH)
        return None if head is None else str(_metadata(head, "release"))

    def list(self) -> list[Release]:
        """All releases, the newest first."""
        found = []
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix="releases/"):
            for each in page.get("Contents", []):
                body = self.client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
                found.append(Release(**json.loads(body)))
        return sorted(found, key=lambda release: release.published_at, reverse=True)

    def rollback(self, to: str | None = None) -> Release:
        """Switch to an earlier release, by default the one published before the current one.

        Raises DeployError when there is none, or when some of its objects are gone.
        """
        releases, current = self.list(), self.current()
        names = [release.hash for release in releases]
        if to is None:
            at = names.index(current) + 1 if current in names else 0
            if at >= len(names):
                raise DeployError("There is no release before this one. `releases` lists them all.")
            to = names[at]
        if to not in names:
            raise DeployError(f"There is no release {to}; there are: {', '.join(names)}.")
        prefix = f"{DAGS}/releases/{to}/dbt_project/dbt_project.yml"
        if self._head(prefix) is None:
            raise DeployError(f"The files of release {to} were removed. Publish it again.")
        release = releases[names.index(to)]
        self.switch(release)
        return release

    def switch(self, release: Release) -> None:
        """Make a release the current one: one object, replaced in one request."""
        body = switch_file(release)
        self.client.put_object(
            Bucket=self.bucket, Key=SWITCH, Body=body, Metadata={"release": release.hash}
        )
        back = self.client.get_object(Bucket=self.bucket, Key=SWITCH)["Body"].read()
        if back != body:
            raise DeployError(f"s3://{self.bucket}/{SWITCH} is not what was sent. Publish again.")
        self.say(f"  current release: {release.hash}")

    def put(self, key: str, body: bytes) -> bool:
        """Upload an object unless it is there with this content; tells whether it was sent."""
        checksum = hashlib.sha256(body).hexdigest()
        head = self._head(key)
        if head is not None and _metadata(head, "sha256") == checksum:
            return False
        self.client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=body,
            Metadata={"sha256": checksum},
            ChecksumSHA256=base64.b64encode(bytes.fromhex(checksum)).decode(),
        )
        return True

    def verify(self, objects: Mapping[str, bytes]) -> None:
        """Read objects back; raises DeployError that names those which differ."""
        wrong = [
            key
            for key, body in objects.items()
            if self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read() != body
        ]
        if wrong:
            raise DeployError(
                f"Not what was sent, in s3://{self.bucket}: {', '.join(wrong)}. The release before "
                "stays current. Publish again."
            )

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            head: dict[str, Any] = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_FOUND:
                return None
            raise
        return head


def environment_keys(deployment: Deployment) -> dict[str, str]:
    """What Airflow's components start with: keys by the parameters that name their versions."""
    if deployment.on_machines:
        return {"BundleVersion": BUNDLE}
    keys = {"RequirementsVersion": REQUIREMENTS, "StartupVersion": STARTUP}
    return keys | ({"PluginsVersion": PLUGINS} if deployment.without_internet else {})


def startup_script(bucket: str, archive_key: str, archive_sha256: str) -> bytes:
    """The script that unpacks dbt, with the archive's place and checksum."""
    startup = (MWAA / "startup.sh").read_text(encoding="utf-8")
    for mark, value in {
        "@BUCKET@": bucket,
        "@KEY@": archive_key,
        "@SHA256@": archive_sha256,
    }.items():
        startup = startup.replace(mark, value)
    return startup.encode()


def release_files(project: Path, manifest: bytes) -> Iterator[tuple[str, bytes]]:
    """Files of a release by their path in it: DAGs, dbt project, profiles, and dbt's manifest."""
    for folder in FOLDERS:
        for path in sorted((project / folder).rglob("*")):
            inside = path.relative_to(project)
            if path.is_file() and not LEFT_OUT & set(inside.parts):
                yield inside.as_posix(), path.read_bytes()
    yield "manifest.json", manifest


def content_hash(files: Mapping[str, bytes], settings: Mapping[str, str]) -> str:
    """Hash of a release: of every path, every file, and the settings it runs with."""
    digest = hashlib.sha256(json.dumps(dict(sorted(settings.items()))).encode())
    for path, body in sorted(files.items()):
        digest.update(f"{path}\0{len(body)}\0".encode())
        digest.update(body)
    return digest.hexdigest()[:HASH_LENGTH]


def switch_file(release: Release) -> bytes:
    """The one DAG file that MWAA parses: it runs the DAG files of the current release."""
    template = Template((MWAA / "switch.py.txt").read_text(encoding="utf-8"))
    settings = {"STARLIFT_JOBS": f"spark_jobs/{release.hash}", **release.settings}
    text = json.dumps(dict(sorted(settings.items())), indent=4)
    return template.substitute(hash=release.hash, settings=text).encode()


def _metadata(head: Mapping[str, Any], name: str) -> str:
    # Names of metadata come back in other cases from other servers.
    found = {key.lower(): value for key, value in head["Metadata"].items()}
    return str(found.get(name, ""))
