"""Where processes listen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psutil


def listening(processes: Iterable[psutil.Process]) -> list[Any]:
    """The addresses, with `ip` and `port`, on which processes wait for connections."""
    pids = {process.pid for process in processes}
    return [
        found.laddr
        for found in psutil.net_connections(kind="inet")
        if found.status == psutil.CONN_LISTEN and found.pid in pids
    ]
