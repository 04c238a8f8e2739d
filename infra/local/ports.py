"""Ports of the laptop stack: free ones, taken ones, and who took them."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass

import psutil

LOOPBACK = "127.0.0.1"
MAX_COMMAND_CHARACTERS = 100


@dataclass(frozen=True)
class Owner:
    """The process that listens on a port; `pid` is None where the system does not tell."""

    pid: int | None
    command: str

    def __str__(self) -> str:
        if self.pid is None:
            return "a process that this user may not look at"
        return f"pid {self.pid} ({self.command})"


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different ports that nothing listens on at the moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return tuple(each.getsockname()[1] for each in sockets)


def is_taken(port: int) -> bool:
    """Tell whether a server could not listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # Without this, connections that were closed a moment ago (TIME_WAIT) look like an owner.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return True
            raise
    return accepts(port)


def accepts(port: int, timeout: float = 0.5) -> bool:
    """Tell whether something accepts TCP connections on 127.0.0.1 within `timeout` seconds."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False


def owner_of(port: int) -> Owner:
    """Name the process that listens on a port, as far as the system tells this user."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows other processes' sockets to root only
        return Owner(None, "")
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or connection.pid is None:
            continue
        if connection.laddr and connection.laddr[1] == port:
            return Owner(connection.pid, command_of(connection.pid))
    return Owner(None, "")


def command_of(pid: int) -> str:
    """Return a process's command line, cut to one readable length."""
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return "it has just ended"
    if len(command) > MAX_COMMAND_CHARACTERS:
        return command[: MAX_COMMAND_CHARACTERS - 1] + "…"
    return command
