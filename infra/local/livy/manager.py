"""The batches: accepted, run a few at a time, watched, deleted, and found again after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from infra.local.livy import processes
from infra.local.livy.batch import BatchRequest, RequestRefusedError, State
from infra.local.livy.store import Folder, Store

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_KEPT_FOLDERS = 200


class Submitter(Protocol):
    """Says how a request is run."""

    def command(self, request: BatchRequest, folder: Folder) -> list[str]:
        """Return the command line."""

    def environment(self, folder: Folder) -> dict[str, str]:
        """Return its environment."""


@dataclass
class Batch:
    """A batch and the state it is in; `finished_at` is Unix time."""

    folder: Folder
    request: BatchRequest
    state: State
    finished_at: float | None = None

    @property
    def id(self) -> int:
        """Return Livy's id of the batch."""
        return self.folder.id


class BatchManager:
    """Runs at most `max_running` batches at once; the others wait in `starting`.

    A finished batch, and its name, is forgotten after `retain` seconds, as Livy does
    (livy.server.session.state-retain.sec, 600); its folder with the log stays for a while longer.
    """

    def __init__(
        self,
        store: Store,
        submitter: Submitter,
        *,
        max_running: int,
        retain: float = 600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._submitter = submitter
        self._max_running = max_running
        self._retain = retain
        self._clock = clock
        self._batches: dict[int, Batch] = {}
        self._watchers: dict[int, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Take up what an earlier server left: running, waiting and recently finished batches."""
        for folder in self._store.folders():
            batch = Batch(folder, folder.request(), State.STARTING)
            self._batches[batch.id] = batch
            if (outcome := folder.outcome()) is not None:
                batch.state, batch.finished_at = outcome
            elif folder.was_started():
                log.info("batch %s was started by an earlier server: watching it", batch.id)
                batch.state = State.RUNNING
                self._watch(batch)
        self._store.remove_old(keep=_KEPT_FOLDERS)
        self._run_waiting()

    async def stop(self) -> None:
        """End every batch that has not ended; they will be `killed`."""
        unfinished = [batch for batch in self._batches.values() if not batch.state.is_final]
        await asyncio.gather(*(self._kill(batch) for batch in unfinished))

    def create(self, request: BatchRequest) -> Batch:
        """Accept a batch; raise `RequestRefusedError` when its name is another's."""
        self._forget_old()
        if request.name is not None and any(
            batch.request.name == request.name for batch in self._batches.values()
        ):
            raise RequestRefusedError(
                f"Rejected, Reason: Duplicate session name: Some({request.name})"
            )
        batch = Batch(self._store.add(request), request, State.STARTING)
        self._batches[batch.id] = batch
        if request.proxyUser is not None:
            log.warning("batch %s: proxyUser is ignored, as Livy without impersonation", batch.id)
        self._run_waiting()
        return batch

    def all(self) -> list[Batch]:
        """Return the batches that Livy would still list, oldest first."""
        self._forget_old()
        return list(self._batches.values())

    def get(self, id_or_name: str) -> Batch | None:
        """Return a batch by id, or by name as Livy also allows."""
        self._forget_old()
        if id_or_name.isdecimal():
            return self._batches.get(int(id_or_name))
        named = (batch for batch in self._batches.values() if batch.request.name == id_or_name)
        return next(named, None)

    async def delete(self, batch: Batch) -> None:
        """End a batch and forget it; returns when no process of it is left."""
        if not batch.state.is_final:
            await self._kill(batch)
        self._batches.pop(batch.id, None)

    def _forget_old(self) -> None:
        now = self._clock()
        for batch in list(self._batches.values()):
            if batch.finished_at is not None and now - batch.finished_at > self._retain:
                del self._batches[batch.id]

    def _run_waiting(self) -> None:
        for batch in self._batches.values():
            if len(self._watchers) >= self._max_running:
                return
            if batch.state is State.STARTING:
                self._run(batch)

    def _run(self, batch: Batch) -> None:
        folder = batch.folder
        folder.mark_started()
        batch.state = State.RUNNING
        process = processes.start(
            self._submitter.command(batch.request, folder),
            folder=folder.path,
            environment=self._submitter.environment(folder),
            log=folder.log,
            exit_code_file=folder.exit_code_file,
        )
        log.info("batch %s (%s): process %s", batch.id, batch.request.name, process.pid)
        self._watch(batch, wait=lambda: process.poll() is not None)

    def _watch(self, batch: Batch, wait: Callable[[], bool] | None = None) -> None:
        ended = wait or (lambda: not processes.find(batch.folder.path))
        self._watchers[batch.id] = asyncio.create_task(self._follow(batch, ended))

    async def _follow(self, batch: Batch, ended: Callable[[], bool]) -> None:
        try:
            while batch.folder.exit_code() is None and not ended():
                await asyncio.sleep(_POLL_SECONDS)
            # Whatever the job left behind, such as Python after its JVM was killed, ends now.
            await asyncio.to_thread(processes.stop, batch.folder.path, grace=1.0)
            self._finish(batch, State.SUCCESS if batch.folder.exit_code() == 0 else State.DEAD)
        finally:
            self._watchers.pop(batch.id, None)
        self._run_waiting()

    async def _kill(self, batch: Batch) -> None:
        batch.state = State.KILLED  # at once, so that it is not started any more
        if (watcher := self._watchers.get(batch.id)) is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        await asyncio.to_thread(processes.stop, batch.folder.path)
        self._finish(batch, State.KILLED)
        self._run_waiting()

    def _finish(self, batch: Batch, state: State) -> None:
        batch.state, batch.finished_at = state, self._clock()
        batch.folder.finish(state, batch.finished_at)
        log.info("batch %s (%s): %s", batch.id, batch.request.name, state.value)


def page(items: Iterable[Batch], start: int, size: int) -> list[Batch]:
    """Return `size` items from `start`, as Livy pages."""
    return list(items)[start : start + size]
