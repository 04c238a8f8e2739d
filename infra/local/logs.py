"""Showing the services' logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from infra.local.config import Config
from infra.local.supervise import log_file, tail

POLL_SECONDS = 0.5


def follow_logs(
    config: Config, services: Sequence[str], lines: int, follow: bool, say: Callable[[str], None]
) -> None:
    """Show the last lines of each log, then, if asked to, what is added, until interrupted."""
    positions = {}
    for service in services:
        path = log_file(config, service)
        positions[path] = path.stat().st_size if path.exists() else 0
        if len(services) > 1 or not path.exists():
            say(f"==> {path} <==")
        say(tail(path, lines) or "(empty)")
    while follow:
        for path, position in positions.items():
            size = path.stat().st_size if path.exists() else 0
            if size == position:
                continue
            with path.open("rb") as file:
                file.seek(position if size > position else 0)  # smaller: the log was rotated
                added = file.read()
            positions[path] = file_end = (position if size > position else 0) + len(added)
            if file_end and added:
                prefix = f"{path.stem}: " if len(services) > 1 else ""
                for line in added.decode("utf-8", "replace").splitlines():
                    say(f"{prefix}{line}")
        time.sleep(POLL_SECONDS)
