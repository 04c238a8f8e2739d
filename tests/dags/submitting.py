"""Tries of a task in processes of their own, killed between submitting a job and noting it.

The servers are real HTTP servers (moto's, and our Livy); the state store is a file, because it must
outlive the process as Airflow's does.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

from tests.dags.killing import FORKS

PATIENCE = 240.0
"""Seconds after which a try that must say something counts as lost: it imports Airflow first."""

# As in tests.dags.killing, and the operators: a try then starts in a moment.
FORKS.set_forkserver_preload(
    ["tests.dags.lake", "redshift_connector", "pyarrow.parquet", "elt_lib.engines"]
)


class FileStore:
    """A task's state store in a file; ``before(key)`` is called when a value is to be noted."""

    def __init__(self, path, before=None):
        self.path = Path(path)
        self.before = before

    def _read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def get(self, key, default=None):
        return self._read().get(key, default)

    def set(self, key, value):
        if self.before:
            self.before(key)
        self.path.write_text(json.dumps(self._read() | {key: value}))

    def delete(self, key):
        self.path.write_text(json.dumps({k: v for k, v in self._read().items() if k != key}))


class TaskInstance:
    """What operators ask of a task instance; its id is another one in each try."""

    dag_id = task_id = "t"
    run_id = "r"
    map_index = -1

    def __init__(self, before=None):
        self.id = uuid.uuid4()
        self.stats_tags = {}
        self.before = before

    def xcom_push(self, key, value):  # noqa: ARG002 passed by name
        if self.before:
            self.before(key)


class Try:
    """One try of a task: ``make(*arguments)`` gives the operator, in the process that runs it.

    It waits before it notes the value with the key ``stop``, in its state store or its XComs.
    """

    def __init__(self, make, arguments, environ, store, *, stop=None):
        self.channel, end = FORKS.Pipe()
        self.process = FORKS.Process(
            target=_run, args=(end, make, arguments, environ, str(store), stop), daemon=True
        )
        self.process.start()
        end.close()

    def kill_at_stop(self):
        """SIGKILL the process where it waits; says where that was."""
        assert self.channel.poll(PATIENCE), "the try is not at its point"
        told = self.channel.recv()
        self.process.kill()
        self.process.join()
        return told

    def result(self):
        """What the operator returned, or the text of its error."""
        assert self.channel.poll(PATIENCE), "the try does not end"
        told = self.channel.recv()
        self.process.join()
        return told


def _run(channel, make, arguments, environ, path, stop):
    os.environ.update(environ)

    def wait(key):
        if stop is not None and stop == key:
            channel.send(f"before {key}")
            channel.recv()  # nobody sends: the parent kills

    try:
        context = {"ti": TaskInstance(wait), "task_state_store": FileStore(path, wait)}
        channel.send(make(*arguments).execute(context))
    except Exception as error:  # noqa: BLE001 the parent judges it
        channel.send(f"{type(error).__name__}: {error}")
