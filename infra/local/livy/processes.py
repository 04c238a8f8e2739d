"""The processes of a batch: found by a mark in their environment, whoever started them.

A process id may be another's after a while, and Spark's Python workers leave the process group;
the environment is inherited by all of them and by nothing else.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

_MARK = "STARLIFT_LIVY_BATCH"
# The wrapper outlives the server, so that the exit code is known whoever is there to read it.
_WRAPPER = '"$@"; echo $? > "$0.new"; mv "$0.new" "$0"'


def start(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    exit_code_file: Path,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; its output goes to `log`, its code to a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", _WRAPPER, str(exit_code_file), *command],
            cwd=folder,
            env={**environment, _MARK: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def find(folder: Path) -> list[psutil.Process]:
    """Return the live processes of the batch in `folder`."""
    return [process for process in psutil.process_iter() if _mark_of(process) == str(folder)]


def stop(folder: Path, *, grace: float = 5.0) -> None:
    """End the batch's processes: asked first, killed after `grace` seconds, until none is left."""
    found = find(folder)
    _signal(found, kill=False)
    psutil.wait_procs(found, timeout=grace)
    while found := find(folder):
        _signal(found, kill=True)
        psutil.wait_procs(found, timeout=1.0)


def _signal(processes: Iterable[psutil.Process], *, kill: bool) -> None:
    for process in processes:
        try:
            if kill:
                process.kill()
            else:
                process.terminate()
        except psutil.NoSuchProcess:
            continue


def _mark_of(process: psutil.Process) -> str | None:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.environ().get(_MARK)
    except (psutil.Error, OSError):
        return None
