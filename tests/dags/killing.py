"""Loads in processes that can be killed at a named point, and the servers that can be killed."""

from __future__ import annotations

import logging
import multiprocessing
import time
from enum import StrEnum

import psutil
import psycopg

from tests.dags.lake import Lake, at

PATIENCE = 240.0
"""Seconds after which something that must happen counts as not happening."""

# A process of its own that has imported everything: a load starts in a twentieth of a second.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.dags.lake", "redshift_connector", "pyarrow.parquet"])


class Victim(StrEnum):
    """What is killed with SIGKILL."""

    TASK = "task"
    GATEWAY = "redshift"
    POSTGRES = "postgres"


class Point(StrEnum):
    """Where a load is killed."""

    BEFORE_COPY = "before copy"
    IN_COPY = "in copy"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"


class Passed(str):
    """A point that a load has passed, as it tells of it."""


class LoadProcess:
    """The load of one batch in a process of its own.

    It waits at the point ``stop`` to be told to go; or, with ``tells``, says each point it passes.
    """

    def __init__(self, lake, batch, report, stop=None, tells=False):
        self.lake = lake
        self.stop = stop
        self.point = "start"
        self.told = None
        self.channel, end = FORKS.Pipe()
        order = (end, lake.config, lake.feed, batch, report, stop, tells)
        self.process = FORKS.Process(target=_load, args=order, daemon=True)
        self.process.start()
        end.close()

    def wait_for_stop(self):
        """Return when the load is at its point."""
        if self.stop is Point.IN_COPY:
            eventually(self._copies, "COPY has taken rows")
        else:
            assert self.channel.poll(PATIENCE), f"the load is not at {self.stop}"
            assert self.channel.recv() == self.stop

    def go(self):
        """Let the load go on, if it waits."""
        if self.stop is not Point.IN_COPY:
            self.channel.send("go")

    def kill(self):
        """SIGKILL the process, wherever it is."""
        self.process.kill()
        self.process.join()

    def outcome(self):
        """The rows that were loaded, or the text of the error."""
        deadline = time.monotonic() + PATIENCE
        while self.told is None:
            assert self.listen(deadline - time.monotonic()), "the load doesn't end"
        self.process.join()
        return self.told

    def reaches(self, point):
        """Wait until the load has passed a point; False if it ended before."""
        deadline = time.monotonic() + PATIENCE
        while self.point != point and self.told is None:
            assert self.listen(deadline - time.monotonic()), f"the load is not at {point}"
        return self.told is None

    def listen(self, patience=0.0):
        """Take in what the load has told next: a point in `point`, its outcome in `told`."""
        if self.told is not None or not self.channel.poll(max(patience, 0.0)):
            return False
        try:
            said = self.channel.recv()
        except EOFError:
            said = "it was killed"
        if isinstance(said, Passed):
            self.point = said
        else:
            self.told = said
        return True

    def _copies(self):
        with postgres(self.lake.config) as connection:
            return connection.execute(
                "select 1 from pg_stat_progress_copy "
                "where relid = %s::regclass and tuples_processed > 0",
                (f"staging.{self.lake.feed.table}",),
            ).fetchone()


def _load(channel, config, feed, batch, report, stop, tells):
    def wait():
        channel.send(stop)
        channel.recv()

    if tells:
        logging.disable()  # its tries fail by the hundred
    reached = (lambda point: channel.send(Passed(point))) if tells else at(stop, wait)
    try:
        channel.send(Lake(config, feed).load(batch, report, reached=reached))
    except Exception as error:  # noqa: BLE001 the parent judges it
        channel.send(f"{type(error).__name__}: {error}")


def kill_server(stack, victim):
    """SIGKILL a server and wait until its processes are gone."""
    parent = psutil.Process(stack.supervisor.running()[victim.value].pid)
    # PostgreSQL's parent is ours, the server is its child, and the sessions are the server's.
    (found,) = parent.children() if victim is Victim.POSTGRES else (parent,)
    found.kill()
    _, alive = psutil.wait_procs([parent], timeout=PATIENCE)
    assert not alive


def wait_until_up(stack):
    """Return when all servers answer; the supervisor starts what was killed."""

    def look():
        for service in stack.services:
            if stack.supervisor.running()[service.name].state in {"FATAL", "EXITED"}:
                stack.supervisor.start(service)  # it ended too often within its first seconds
        return stack.is_up()

    eventually(look, "the servers are up again")


def postgres(config):
    """The PostgreSQL below the gateway."""
    return psycopg.connect(
        host="127.0.0.1",
        port=config.ports.postgres,
        user="postgres",
        password=config.secrets.postgres_password,
        dbname="starlift",
    )


def eventually(look, what):
    """Look again and again until there is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"did not happen within {PATIENCE:.0f} s: {what}"
        time.sleep(0.01)
    return found
