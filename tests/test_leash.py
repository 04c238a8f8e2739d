"""What a test has started is gone when the test's process was killed."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import psutil
import pytest

from infra.local.config import Config, Ports
from infra.local.processes import stack_processes
from tests.dags.killing import eventually

pytestmark = pytest.mark.slow

LEASHED = """
import sys, threading
from infra.local.config import Config
from infra.local.stack import Stack
from tests.leash import leashed
free = dict(pair.split("=") for pair in sys.argv[2:])
with leashed(Stack(Config.load({"STARLIFT_STATE": sys.argv[1], **free}), ["s3"])):
    print("up", flush=True)
    threading.Event().wait()
"""
CHILD = """
import subprocess, sys, threading
from tests.leash import on_leash
child = subprocess.Popen(on_leash([sys.executable, "-c", "input()"]), stdin=subprocess.PIPE)
print(child.pid, flush=True)
threading.Event().wait()
"""


def started(code, *arguments):
    """A Python process and the first line that it writes."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def test_a_stack_ends_with_a_killed_process(tmp_path):
    free = [f"{Ports.variable(port.name)}=0" for port in fields(Ports)]
    process, said = started(LEASHED, str(tmp_path), *free)
    assert said == "up"
    config = Config.load({"STARLIFT_STATE": str(tmp_path)})
    names = {each.name() for each in stack_processes(config)}
    assert "rclone" in names
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    eventually(lambda: not stack_processes(config), "nothing of the stack is left")


def test_a_server_ends_with_a_killed_process():
    process, pid = started(CHILD)
    child = psutil.Process(int(pid))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    child.wait(20)


SERVER = re.compile(r'"-m", "infra\.local\.(postgres|redshift|livy)"')
STACK = re.compile(r"\.up\(\)$", re.MULTILINE)


def test_whoever_starts_servers_has_them_on_a_leash():
    tests = Path(__file__).parent
    texts = {str(p.relative_to(tests)): p.read_text("utf-8") for p in tests.rglob("*.py")}
    starting = {
        name
        for name, text in texts.items()
        if STACK.search(text) or ("subprocess.Popen(" in text and SERVER.search(text))
    }
    assert starting > {"leash.py"}
    assert {name for name in starting if "import leashed" not in texts[name]} <= {
        name for name in starting if "import on_leash" in texts[name]
    } | {"leash.py"}
