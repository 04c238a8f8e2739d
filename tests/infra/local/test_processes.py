import os
import subprocess
import sys

import psutil
import pytest

from infra.local.config import Config
from infra.local.environment import MARKER
from infra.local.processes import end, is_reused, same_process, stack_processes, uptime

# Prints a line once it is ready, so that tests need not guess.
STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"],
    start_new_session=True, env={},
)
child.wait()
"""


@pytest.fixture
def start():
    started = []

    def popen(code, **options):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield popen
    for process in started:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def config(tmp_path):
    return Config.load({"STARLIFT_STATE": str(tmp_path)})


def test_processes_are_found_by_marker_and_by_session_and_by_ancestry(config, start):
    code = STUBBORN
    marked = start(code, env={**os.environ, MARKER: str(config.state)})
    in_session = start(code, start_new_session=True)
    parent = start(PARENT, env={**os.environ, MARKER: str(config.state)})
    other_stack = start(code, env={**os.environ, MARKER: f"{config.state}/other"})
    (child,) = psutil.Process(parent.pid).children()
    found = {each.pid for each in stack_processes(config, session=in_session.pid)}
    assert found == {marked.pid, in_session.pid, parent.pid, child.pid}
    assert other_stack.pid not in found
    end([child])


def test_a_persons_own_process_is_not_the_stacks(config, start):
    start(STUBBORN, env={**os.environ, "STARLIFT_STATE": str(config.state)})
    assert stack_processes(config) == []


def test_the_caller_is_spared(config, monkeypatch):
    monkeypatch.setattr("infra.local.processes._marker_of", lambda _: str(config.state))
    found = {each.pid for each in stack_processes(config)}
    assert os.getpid() not in found
    assert os.getppid() not in found


def test_end_insists(start, monkeypatch):
    monkeypatch.setattr("infra.local.processes.TERM_SECONDS", 0.2)
    process = start(STUBBORN)
    stubborn = psutil.Process(process.pid)
    assert end([stubborn]) == []
    assert not stubborn.is_running()


def test_a_reused_process_id_is_not_mistaken(start):
    process = start(STUBBORN)
    created = psutil.Process(process.pid).create_time()
    assert same_process(process.pid, created).pid == process.pid
    assert same_process(process.pid, created - 60) is None
    assert is_reused(process.pid, created - 60)
    assert not is_reused(process.pid, created)


def test_a_process_that_nobody_waited_for_is_over_but_holds_its_id(start):
    process = start(STUBBORN)
    zombie = psutil.Process(process.pid)
    created = zombie.create_time()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert zombie.status() == psutil.STATUS_ZOMBIE
    assert same_process(process.pid, created) is None
    assert not is_reused(process.pid, created)
    process.wait()
    assert same_process(process.pid, created) is None
    assert not is_reused(process.pid, created)
    assert uptime(process.pid) is None
