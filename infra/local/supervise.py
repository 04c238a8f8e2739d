"""The process manager (supervisord): its configuration, its life, and its remote control."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from infra.local.config import Config, write_private
from infra.local.environment import MARKER, environment, service_environment
from infra.local.errors import StackError
from infra.local.processes import is_reused, same_process
from infra.local.services import Service

USER = "starlift"
START_SECONDS = 15.0
BASE = ("postgres", "s3", "aws", "broker")


@dataclass(frozen=True)
class Running:
    """What the process manager knows about one service; `pid` is 0 while there is no process."""

    name: str
    state: str
    pid: int
    started: float
    problem: str


class Supervisor:
    """One supervisord per state folder, controlled over HTTP on 127.0.0.1 with a password.

    (A Unix socket's path may have 107 bytes at most; state folders can be deeper than that.)
    """

    def __init__(self, config: Config, services: Sequence[Service]) -> None:
        self.config = config
        self.services = services
        self.conf = config.supervisor / "supervisord.conf"
        self._record = config.supervisor / "session.json"

    def process(self) -> psutil.Process | None:
        """Return the living supervisord of this state folder, or None."""
        record = self._read_record()
        return same_process(int(record["pid"]), record["created"]) if record else None

    def session(self) -> int | None:
        """Return the session id that the last supervisord of this boot gave its services."""
        record = self._read_record()
        if record is None or record["boot"] != psutil.boot_time():
            return None
        pid = int(record["pid"])
        # The id of a session that still has members is not given to a new process. If there is a
        # process of this id now and it is another one, the old session is over.
        return None if is_reused(pid, record["created"]) else pid

    def is_current(self) -> bool:
        """Tell whether the supervisord that runs was started with the settings of now."""
        return self.conf.read_text(encoding="utf-8") == supervisord_conf(self.config, self.services)

    def launch(self) -> None:
        """Start supervisord in a session of its own, with no service running yet."""
        write_private(self.conf, supervisord_conf(self.config, self.services))
        self.config.logs.mkdir(parents=True, exist_ok=True)
        environ = service_environment(self.config)
        for service in self.services:
            environ.update(service.environment)
        environ[MARKER] = str(self.config.state)
        with (self.config.logs / "supervisord.out").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.conf)],
                cwd=self.config.supervisor,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = {
            "pid": process.pid,
            "created": psutil.Process(process.pid).create_time(),
            "boot": psutil.boot_time(),
        }
        write_private(self._record, json.dumps(record) + "\n")
        self._await_answer(process)

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                self.call("supervisor.getState")
            except OSError:
                time.sleep(0.05)
            else:
                return
        output = self.config.logs / "supervisord.out"
        message = (
            f"The process manager did not start. Its last words ({output}):\n{tail(output, 10)}"
        )
        raise StackError(message)

    def call(self, method: str, *arguments: str | int | bool) -> object:
        """Call one of supervisord's XML-RPC methods; OSError when there is no supervisord."""
        password, port = self.config.secrets.supervisor_password, self.config.ports.supervisor
        url = f"http://{USER}:{password}@127.0.0.1:{port}/RPC2"
        with xmlrpc.client.ServerProxy(url) as proxy:
            return getattr(proxy, method)(*arguments)

    def start(self, service: Service) -> None:
        """Start a service without waiting for it; nothing happens if it runs."""
        try:
            self.call("supervisor.startProcess", process_name(service.name), False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                message = f"{service.name} cannot be started: {fault.faultString}"
                raise StackError(message) from fault

    def running(self) -> dict[str, Running]:
        """Return what supervisord says about each service; empty when it is not running."""
        if self.process() is None:
            return {}
        try:
            answer = self.call("supervisor.getAllProcessInfo")
        except OSError:
            return {}
        assert isinstance(answer, list)  # noqa: S101  narrows the XML-RPC library's answer
        return {
            info["name"]: Running(
                info["name"], info["statename"], info["pid"], info["start"], info["spawnerr"]
            )
            for info in answer
        }

    def shutdown(self, seconds: float) -> bool:
        """Stop all services and supervisord; False when it did not end within `seconds`."""
        process = self.process()
        if process is None:
            return True
        try:
            self.call("supervisor.shutdown")
        except (OSError, xmlrpc.client.Error):  # it does not answer, or is shutting down already
            process.terminate()
        try:
            process.wait(timeout=seconds)
        except psutil.TimeoutExpired:
            return False
        return True

    def forget(self) -> None:
        """Remove the record of a supervisord that is gone."""
        self._record.unlink(missing_ok=True)

    def _read_record(self) -> dict[str, float] | None:
        try:
            record: dict[str, float] = json.loads(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return record


def process_name(service: str) -> str:
    """Return supervisord's name of a service: group and process."""
    return f"{_group(service)}:{service}"


def _group(service: str) -> str:
    return "base" if service in BASE else "work"


def supervisord_conf(config: Config, services: Sequence[Service]) -> str:
    """Render supervisord's configuration.

    Two groups, because groups are stopped one after the other and a group's members at once: what
    uses PostgreSQL and S3 ends before they do.
    """
    settings = "\n".join(f"{name}={value}" for name, value in environment(config).items())
    sections = [
        "; Generated by `make up`; changes are overwritten.",
        f"; Checksum of the environment: {hashlib.sha256(settings.encode()).hexdigest()}",
        "[inet_http_server]",
        f"port = 127.0.0.1:{config.ports.supervisor}",
        f"username = {USER}",
        f"password = {config.secrets.supervisor_password}",
        "",
        "[supervisord]",
        f"logfile = {_literal(config.logs / 'supervisord.log')}",
        f"pidfile = {_literal(config.supervisor / 'supervisord.pid')}",
        f"childlogdir = {_literal(config.logs)}",
        "logfile_maxbytes = 5MB",
        "logfile_backups = 1",
        "silent = true",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for group, priority in (("base", 10), ("work", 20)):
        members = [each.name for each in services if _group(each.name) == group]
        if members:
            sections += ["", f"[group:{group}]", f"programs = {','.join(members)}"]
            sections += [f"priority = {priority}"]
    for service in services:
        sections += [
            "",
            f"[program:{service.name}]",
            f"command = {_literal(shlex.join(service.command))}",
            f"directory = {_literal(config.supervisor)}",
            "autostart = false",
            "autorestart = true",
            "startsecs = 2",
            "startretries = 2",
            f"stopwaitsecs = {service.stop_seconds}",
            "stopasgroup = true" if service.whole_group else "stopasgroup = false",
            "killasgroup = true",
            "redirect_stderr = true",
            f"stdout_logfile = {_literal(log_file(config, service.name))}",
            "stdout_logfile_maxbytes = 20MB",
            "stdout_logfile_backups = 1",
        ]
    return "\n".join(sections) + "\n"


def log_file(config: Config, service: str) -> Path:
    """Return the file that a service's output goes to."""
    return config.logs / f"{service}.log"


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a text file, or nothing if there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _literal(value: object) -> str:
    """Keep supervisord from expanding percent signs."""
    return str(value).replace("%", "%%")
