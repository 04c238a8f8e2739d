"""The dbt that MWAA runs: its packages, as requirements.lock pins them, in one zip file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.aws.errors import DeployError
from infra.publish import ARCHIVE_TIME, FILE_MODE

PYTHON = "3.12"
PLATFORM = "x86_64-manylinux_2_28"
"""MWAA runs Amazon Linux 2023 (glibc 2.34) on x86-64 with this Python."""


@dataclass(frozen=True)
class Archive:
    """A zip file of installed packages, its key in the artifacts bucket, and its checksum."""

    path: Path
    sha256: str

    @property
    def key(self) -> str:
        """Where it stands: under its own hash, so that a new one never replaces one in use."""
        return f"airflow/dbt/{self.sha256[:16]}.zip"


def build(project: Path, folder: Path) -> Archive:
    """Install the lock's dbt for MWAA's Python into a zip below ``folder``.

    Raises DeployError with the installer's words when a pinned package has no wheel for MWAA.
    """
    pins = folder / "dbt.txt"
    run_uv(
        project,
        "pip", "compile", "--quiet", "--group", "dbt", "--constraint", "requirements.lock",
        "--generate-hashes", "--no-emit-index-url", "--python-version", PYTHON,
        "--python-platform", PLATFORM, "--only-binary", ":all:", "--output-file", str(pins),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="starlift-dbt-", dir=folder) as packages:
        run_uv(
            project,
            "pip", "install", "--quiet", "--target", packages, "--requirement", str(pins),
            "--require-hashes", "--no-deps", "--python-version", PYTHON,
            "--python-platform", PLATFORM, "--only-binary", ":all:",
        )  # fmt: skip
        path = folder / "dbt.zip"
        pack(Path(packages), path)
    return Archive(path, hashlib.sha256(path.read_bytes()).hexdigest())


def pack(packages: Path, target: Path) -> None:
    """Zip a tree; the same files give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(packages.rglob("*")):
            if not path.is_file() or "__pycache__" in path.parts or path.name == "RECORD":
                continue
            entry = zipfile.ZipInfo(path.relative_to(packages).as_posix(), ARCHIVE_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, so that the mode below is read
            entry.external_attr = FILE_MODE << 16
            archive.writestr(entry, path.read_bytes())


def run_uv(project: Path, *arguments: str) -> None:
    """Run uv; raises DeployError with its words."""
    done = subprocess.run(
        [str(project / "scripts" / "uv"), *arguments, "--python", sys.executable],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeployError(f"Packages could not be resolved for AWS:\n{done.stderr.strip()}")
