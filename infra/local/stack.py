"""Starting, looking at and stopping one laptop stack: the API behind the command line.

stack = Stack(Config.load({"STARLIFT_STATE": "/tmp/it", "STARLIFT_PORT_S3": "0", …}))
stack.up()
…
stack.down()
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict

from infra.local import catalogue, health, manifest, metadata, storage, warehouse
from infra.local.config import Config, Ports
from infra.local.environment import write_env_file
from infra.local.errors import StackError
from infra.local.health import Health
from infra.local.ports import is_taken, owner_of
from infra.local.processes import end, stack_processes
from infra.local.services import services
from infra.local.supervise import Supervisor, log_file, tail

START_SECONDS = 300.0
STOP_SECONDS = 45.0
POLL_SECONDS = 0.2
MAX_STARTS = 3
WRITTEN = (
    *("airflow", "dbt", "livy", "logs", "postgres", "s3", "supervisor"),
    *("env", "stack.json"),
)

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Report to nobody."""


class Stack:
    """The services of one state folder; `only` limits them to some names."""

    def __init__(
        self, config: Config, only: Iterable[str] | None = None, say: Say = silent
    ) -> None:
        self.config = config
        self.say = say
        every = services(config)
        wanted = set(only) if only is not None else {each.name for each in every}
        if unknown := wanted - {each.name for each in every}:
            message = (
                f"There is no service {', '.join(sorted(unknown))}. "
                f"Services: {', '.join(each.name for each in every)}."
            )
            raise StackError(message)
        self.services = tuple(each for each in every if each.name in wanted)
        self.supervisor = Supervisor(config, every)

    def up(self, seconds: float = START_SECONDS) -> None:
        """Start what does not run yet and wait until all of it is healthy.

        Raises StackError when a port is taken, a service fails, or `seconds` have passed.
        """
        began = time.monotonic()
        running = self.supervisor.process() is not None
        if running and not self.supervisor.is_current():
            message = "The stack is running with other settings. Apply these: `make down up`."
            raise StackError(message)
        if not running:
            self._clear_strays()
            self._check_ports()
        self._make_folders()
        self.config.save()
        write_env_file(self.config)
        if not running:
            self.supervisor.launch()
        pool = ThreadPoolExecutor(max_workers=4)
        try:
            Startup(self, pool, began, seconds).run()
        finally:  # an interrupted start doesn't wait for its jobs: the stack may be stopped at once
            pool.shutdown(wait=False, cancel_futures=True)

    def down(self) -> int:
        """Stop everything; returns how many processes were left to be ended one by one."""
        session = self.supervisor.session()
        ours = stack_processes(self.config, session)
        self.supervisor.shutdown(STOP_SECONDS)
        strays = {each.pid: each for each in ours if each.is_running()}
        strays.update((each.pid, each) for each in stack_processes(self.config, session))
        if left := end(strays.values()):
            message = f"These processes do not end: {', '.join(str(each.pid) for each in left)}."
            raise StackError(message)
        self.supervisor.forget()
        return len(strays)

    def status(self) -> list[Health]:
        """Probe every service of the stack."""
        return health.check(self.config, self.services, self.supervisor.running())

    def is_up(self) -> bool:
        """Tell whether all services are healthy."""
        return self.supervisor.process() is not None and all(it.healthy for it in self.status())

    def reset(self) -> None:
        """Stop everything and delete what stacks write: data, logs and secrets.

        Entries are deleted by name, because the state folder may be any folder of a person's.
        """
        self.down()
        for name in WRITTEN:
            entry = self.config.state / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def _make_folders(self) -> None:
        config = self.config
        for folder in (config.logs, config.supervisor, config.airflow_home, config.s3):
            folder.mkdir(parents=True, exist_ok=True)

    def _clear_strays(self) -> None:
        strays = stack_processes(self.config, self.supervisor.session())
        if strays:
            self.say(f"Ending {len(strays)} processes that an earlier stack left behind.")
            end(strays)

    def _check_ports(self) -> None:
        """Raise one error that names every taken port, its owner and its variable."""
        problems = []
        used = {each.port for each in self.supervisor.services} | {self.config.ports.supervisor}
        for name, port in asdict(self.config.ports).items():
            if port in used and is_taken(port):
                variable = Ports.variable(name)
                problems.append(
                    f"Port {port} ({name}) is taken by {owner_of(port)}. "
                    f"Stop it, or choose another port: {variable}={port + 1000}"
                )
        if problems:
            raise StackError("\n".join(problems))


class Startup:
    """One run of `up`: starts each service when what it needs is there, and follows them."""

    def __init__(
        self, stack: Stack, pool: ThreadPoolExecutor, began: float, seconds: float
    ) -> None:
        self.stack = stack
        self.config = stack.config
        self.pool = pool
        self.began = began
        self.deadline = began + seconds
        self.jobs: dict[str, Future[object]] = {}
        self.healthy: set[str] = set()
        self.started: set[str] = set()
        self.pids: dict[str, set[int]] = {}

    def run(self) -> None:
        """Return when every service is healthy; raise StackError when that cannot happen."""
        wanted = {each.name for each in self.stack.services}
        if {"redshift", "airflow-dag-processor"} & wanted:
            self._begin("manifest", manifest.build)
        while not (self.healthy >= wanted and self._has_nothing_left()):
            self._start_what_is_ready()
            self._begin_what_is_ready()
            self._look()
            self._raise_failed_jobs()
            if time.monotonic() > self.deadline:
                self._give_up()
            time.sleep(POLL_SECONDS)
        self._raise_failed_jobs()

    def _has_nothing_left(self) -> bool:
        """Tell whether all work is done, that which waited for the last service included."""
        if not all(job.done() for job in self.jobs.values()):
            return False
        begun = len(self.jobs)
        self._begin_what_is_ready()
        return len(self.jobs) == begun

    def _begin_what_is_ready(self) -> None:
        """Do the work that makes servers useful, as soon as those that it needs answer."""
        if "postgres" in self.healthy and self._is_wanted("airflow-scheduler"):
            self._begin("metadata", metadata.prepare)
        if "s3" in self.healthy:
            self._begin("publish", storage.publish)
        if "aws" in self.healthy:
            self._begin("catalogue", catalogue.prepare)
        if "redshift" in self.healthy and self._is_done("manifest"):
            self._begin("warehouse", warehouse.prepare)

    def _begin(self, name: str, job: Callable[[Config], object]) -> None:
        if name not in self.jobs:
            self.jobs[name] = self.pool.submit(job, self.config)

    def _is_done(self, name: str) -> bool:
        job = self.jobs.get(name)
        return job is not None and job.done() and job.exception() is None

    def _is_wanted(self, service: str) -> bool:
        return any(each.name == service for each in self.stack.services)

    def _start_what_is_ready(self) -> None:
        for service in self.stack.services:
            if service.name not in self.started and all(map(self._is_done, service.needs)):
                self.stack.supervisor.start(service)
                self.started.add(service.name)

    def _look(self) -> None:
        running = self.stack.supervisor.running()
        waiting = [
            each
            for each in self.stack.services
            if each.name in self.started and each.name not in self.healthy
        ]
        for found in health.check(self.config, waiting, running):
            pids = self.pids.setdefault(found.service, set())
            if found.pid is not None:
                pids.add(found.pid)
            if found.healthy:
                self._note(found)
            elif found.state == "failed" or len(pids) > MAX_STARTS:
                detail = found.detail or "it ends again and again"
                raise StackError(_failure(self.config, found.service, detail))

    def _note(self, found: Health) -> None:
        self.healthy.add(found.service)
        passed = time.monotonic() - self.began
        self.stack.say(f"{passed:6.1f} s  {found.service:<22} {found.address}")

    def _raise_failed_jobs(self) -> None:
        for job in self.jobs.values():
            if job.done():
                job.result()

    def _give_up(self) -> None:
        late = [each.name for each in self.stack.services if each.name not in self.healthy]
        parts = [_failure(self.config, name, "not healthy in time") for name in late[:3]]
        slow = ", ".join(name for name, job in self.jobs.items() if not job.done())
        raise StackError("\n\n".join(parts) or f"Not done in time: {slow}.")


def _failure(config: Config, service: str, detail: str) -> str:
    log = log_file(config, service)
    return f"{service}: {detail}. The end of its log ({log}):\n{tail(log, 12)}"
