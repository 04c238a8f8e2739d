"""Finding and ending every process of one stack, whatever happened to its process manager."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

import psutil

from infra.local.config import Config
from infra.local.environment import MARKER

TERM_SECONDS = 10.0
KILL_SECONDS = 30.0


def stack_processes(config: Config, session: int | None = None) -> list[psutil.Process]:
    """Return all processes that this stack started, directly or not.

    Three traces, because each can be missing: the marker in the environment (PostgreSQL's backends
    and Airflow's components write their titles over it), the session of the process manager (the
    Spark batches and PostgreSQL start their own), and ancestry (lost when a parent is killed).
    """
    marker = str(config.state)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        if _session_of(process.pid) == session or _marker_of(process) == marker:
            found[process.pid] = process
    for process in list(found.values()):
        for child in _children_of(process):
            found.setdefault(child.pid, child)
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for pid, process in found.items() if pid not in own and _is_alive(process)]


def end(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Ask processes to end, then make them; returns those that are still there (unkillable)."""
    remaining = list(processes)
    for process in remaining:
        _signal(process, hard=False)
    _, remaining = psutil.wait_procs(remaining, timeout=TERM_SECONDS)
    for process in remaining:
        _signal(process, hard=True)
    _, remaining = psutil.wait_procs(remaining, timeout=KILL_SECONDS)
    return [process for process in remaining if _is_alive(process)]


def same_process(pid: int, created: float) -> psutil.Process | None:
    """Return the process with this id if it is still the one that was created then."""
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < 1.0 and _is_alive(process):
            return process
    except psutil.NoSuchProcess:
        pass
    return None


def is_reused(pid: int, created: float) -> bool:
    """Tell whether a process id has gone to a process other than the one created then.

    A process that has ended and was not waited for yet (a zombie) still holds its id.
    """
    try:
        return abs(psutil.Process(pid).create_time() - created) >= 1.0
    except psutil.NoSuchProcess:
        return False


def uptime(pid: int) -> float | None:
    """Return the seconds since a process started, or None if it is gone."""
    try:
        return max(0.0, time.time() - psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _signal(process: psutil.Process, *, hard: bool) -> None:
    try:
        if hard:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        pass


def _session_of(pid: int) -> int:
    """Return the session id, or -1 (never a session) for a process that is gone or hidden."""
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def _marker_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER)
    except (psutil.Error, OSError):  # another user's process, or one that has just ended
        return None


def _children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
