"""A PostgreSQL of the gateway's own, for `python -m infra.local.redshift` without anything else."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local.config import write_private
from infra.local.ports import free_ports
from infra.local.postgres import HOST, Cluster, start

logger = logging.getLogger("starlift.redshift")

_PREFIX, _LOCK = "starlift-redshift-", "gateway.lock"
# Seconds for which a temporary folder is nobody's to remove.
_YOUNG = 60
# Seconds that PostgreSQL's fast shutdown may take.
STOP_SECONDS = 20


@dataclass(frozen=True)
class Embedded:
    """A running PostgreSQL: where it listens and its superuser's password."""

    host: str
    port: int
    password: str


@contextlib.contextmanager
def state_folder(data: Path | None) -> Iterator[Path]:
    """The folder that was asked for, or one that is removed at the end."""
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data.resolve()
        return
    remove_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Remove temporary folders of gateways that were killed: nobody holds their lock any more."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            with (folder / _LOCK).open("r+") as lock:
                if time.time() - os.fstat(lock.fileno()).st_mtime < _YOUNG:
                    continue  # it may not have taken its lock yet
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use, somebody else's, or none of ours
        logger.info("removed %s, which a killed gateway left behind", folder)


def remembered(file: Path) -> str:
    """The secret in a file, made at the first call."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(18))
    return file.read_text(encoding="utf-8").strip()


@contextlib.contextmanager
def embedded(folder: Path, *, durable: bool) -> Iterator[Embedded]:
    """Start PostgreSQL with its data below `folder`, stop it at the end; raises PostgresError."""
    (port,) = free_ports(1)
    password = remembered(folder / "postgres.password")
    process = start(Cluster(folder / "postgres", port, password, durable), own_group=True)
    try:
        yield Embedded(HOST, port, password)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("PostgreSQL did not stop within %d s: killing it", STOP_SECONDS)
            process.kill()
            process.wait()
