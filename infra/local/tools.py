"""Running the project's own command-line tools against the stack, and remembering what ran."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from infra.local.config import Config, write_private
from infra.local.environment import service_environment
from infra.local.errors import StackError

SKIPPED_FOLDERS = {"target", "logs", "dbt_packages", "__pycache__"}


def run_module(config: Config, module: str, *arguments: str) -> str:
    """Run `python -m module` with the stack's environment; returns what it printed.

    Raises StackError with the tool's own words when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=config.project,
        env=service_environment(config),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = "\n".join(filter(None, [done.stdout.strip(), done.stderr.strip()]))
        command = " ".join([module, *arguments])
        message = f"`python -m {command}` failed:\n{words}"
        raise StackError(message)
    return done.stdout


def digest(roots: Iterable[Path], *more: str) -> str:
    """Return one SHA-256 over the names and contents of all files below some folders."""
    total = hashlib.sha256()
    for text in more:
        total.update(f"{text}\0".encode())
    for root in roots:
        for path in _files(root):
            total.update(f"{path.relative_to(root.parent)}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _files(root: Path) -> Sequence[Path]:
    if root.is_file():
        return [root]
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and not SKIPPED_FOLDERS.intersection(path.relative_to(root).parts)
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def is_current(stamp: Path, inputs: str) -> bool:
    """Tell whether a step has already been done for these inputs."""
    return stamp.exists() and stamp.read_text(encoding="utf-8") == inputs


def remember(stamp: Path, inputs: str) -> None:
    """Note the inputs that a step has been done for."""
    write_private(stamp, inputs)
