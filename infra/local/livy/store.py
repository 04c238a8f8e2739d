"""Batches on disk: one folder each, so that a server that starts again knows what ran.

next_id                 the id of the next batch; ids are never used twice
batches/<id>/request.json, outcome.json, started, exit_code, log, tmp/
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.livy.batch import BatchRequest, State, parse_request


@dataclass(frozen=True)
class Folder:
    """The files of one batch."""

    path: Path

    @property
    def id(self) -> int:
        """Return the batch's id."""
        return int(self.path.name)

    @property
    def log(self) -> Path:
        """Return what the batch has printed."""
        return self.path / "log"

    @property
    def temporary(self) -> Path:
        """Return the folder for what the batch keeps only while it runs."""
        return self.path / "tmp"

    @property
    def exit_code_file(self) -> Path:
        """Return where the wrapper around spark-submit writes the exit code."""
        return self.path / "exit_code"

    def request(self) -> BatchRequest:
        """Return the request as it was accepted."""
        return parse_request(json.loads((self.path / "request.json").read_text()))

    def mark_started(self) -> None:
        """Note, before the process is started, that it is being started."""
        (self.path / "started").touch()

    def was_started(self) -> bool:
        """Whether a process may have been started."""
        return (self.path / "started").exists()

    def exit_code(self) -> int | None:
        """Return the exit code, None while there is none."""
        try:
            return int(self.exit_code_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def finish(self, state: State, finished_at: float) -> None:
        """Write the final state, and remove what only a running batch needs."""
        content = json.dumps({"state": state.value, "finished_at": finished_at})
        _write(self.path / "outcome.json", content)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def outcome(self) -> tuple[State, float] | None:
        """Return the final state and when it was reached (Unix time), None before."""
        try:
            content = json.loads((self.path / "outcome.json").read_text())
        except FileNotFoundError:
            return None
        return State(content["state"]), float(content["finished_at"])

    def log_lines(self) -> list[str]:
        """Return the lines printed so far."""
        try:
            return self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []


class Store:
    """The state folder of the server; one server at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._batches = self._folder / "batches"
        self._batches.mkdir(parents=True, exist_ok=True)

    def add(self, request: BatchRequest) -> Folder:
        """Give the request an id and write it down."""
        number = self._next_id()
        _write(self._folder / "next_id", str(number + 1))
        folder = Folder(self._batches / str(number))
        folder.path.mkdir()
        folder.temporary.mkdir()
        _write(folder.path / "request.json", json.dumps(asdict(request), indent=1))
        return folder

    def folders(self) -> Iterator[Folder]:
        """Return the batches that were written down completely, oldest first."""
        numbers = sorted(int(p.name) for p in self._batches.iterdir() if p.name.isdecimal())
        for number in numbers:
            if (self._batches / str(number) / "request.json").exists():
                yield Folder(self._batches / str(number))

    def remove_old(self, keep: int) -> None:
        """Remove all but the last `keep` finished batches with their logs."""
        finished = [folder for folder in self.folders() if folder.outcome() is not None]
        for folder in finished[: max(0, len(finished) - keep)]:
            shutil.rmtree(folder.path, ignore_errors=True)

    def _next_id(self) -> int:
        try:
            return int((self._folder / "next_id").read_text())
        except FileNotFoundError:
            return 0


def _write(path: Path, content: str) -> None:
    """Write a file so that a reader finds it whole or not at all."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text(content)
    unfinished.replace(path)
