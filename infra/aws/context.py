"""One deployment as the command line's commands see it: its stacks, releases and Airflow."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from infra.aws import archive, components, manifest
from infra.aws.airflow_api import Airflow
from infra.aws.airflow_settings import airflow_settings
from infra.aws.deploy import Deployer
from infra.aws.deployment import Deployment
from infra.aws.errors import DeployError
from infra.aws.release import Releases, startup_script

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Context:
    """What the options before the command say."""

    session: Any
    deployment: Deployment
    constraints: Path | None = None

    @property
    def region(self) -> str:
        """The region that everything is in."""
        return str(self.session.region_name)

    def deployer(self) -> Deployer:
        """The deployment's stacks."""
        return Deployer(
            self.session.client("cloudformation"), self.deployment, say, self._release_parameters
        )

    def outputs(self) -> dict[str, str]:
        """Outputs of all stacks; raises DeployError when there are none."""
        found = self.deployer().outputs()
        if "ArtifactsBucket" not in found:
            raise DeployError(
                f"{self.deployment.name} is not deployed in {self.region}: run deploy first."
            )
        return found

    def releases(self, outputs: Mapping[str, str]) -> Releases:
        """The releases in the deployment's bucket."""
        return Releases(self.session.client("s3"), outputs["ArtifactsBucket"], say)

    def airflow(self) -> Airflow:
        """Airflow of the deployment; raises DeployError where it is not MWAA's."""
        if self.deployment.on_machines:
            raise DeployError("Airflow runs on machines here: use its UI (docs/aws.md).")
        return Airflow(self.session.client("mwaa"), self.deployment.name)

    def publish(self, outputs: Mapping[str, str]) -> None:
        """Build and upload what Airflow runs."""
        releases = self.releases(outputs)
        settings = {
            **airflow_settings(self.deployment, outputs, self.region),
            "STARLIFT_PACKAGES": components.packages(self.deployment, PROJECT),
        }
        with tempfile.TemporaryDirectory(prefix="starlift-publish-") as folder:
            say("Parsing the dbt project and checking its contracts")
            parsed = manifest.build(PROJECT, Path(folder), settings)
            say("Packing dbt for MWAA")
            packed = archive.build(PROJECT, Path(folder))
            sent = releases.put(packed.key, packed.path.read_bytes())
            say(f"  {packed.key}: {'sent' if sent else 'as before'}")
            before = self._versions(releases)
            startup = startup_script(releases.bucket, packed.key, packed.sha256)
            say("Collecting what Airflow's components start with")
            found = components.files(
                self.deployment, PROJECT, Path(folder), startup, self.constraints
            )
            releases.publish_environment(dict(found))
            releases.publish(PROJECT, parsed, settings)
        if before and before != releases.environment_versions(self.deployment):
            say("What Airflow's components start with has changed: `deploy` makes them anew.")

    def _release_parameters(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        releases = self.releases(outputs)
        if not self._versions(releases):
            say("Nothing is published yet: publishing, because Airflow needs it")
            self.publish(self.deployer().outputs())
        return releases.environment_versions(self.deployment)

    def _versions(self, releases: Releases) -> dict[str, str]:
        try:
            return releases.environment_versions(self.deployment)
        except DeployError:
            return {}


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    typer.echo(text)
