"""Servers of a test end with the test's process, however it ends: SIGKILL too.

`leashed(stack)` for a whole stack, `watched(stack)` where the test starts it itself;
`subprocess.Popen(on_leash([…]))` for a server.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.local.config import Config
from infra.local.stack import Stack

DONE = b"done"
# prctl(PR_SET_PDEATHSIG, SIGTERM): the kernel's word when the thread that started the process ends.
LAUNCH = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"
)


def on_leash(command: list[str]) -> list[str]:
    """The command, told to end (SIGTERM) as soon as the process that starts it has ended."""
    return [sys.executable, "-S", "-c", LAUNCH, *command]


@contextlib.contextmanager
def leashed(stack: Stack) -> Iterator[Stack]:
    """Start a stack and stop it at the end, as `watched` does."""
    with watched(stack):
        stack.up()
        yield stack


@contextlib.contextmanager
def watched(stack: Stack) -> Iterator[Stack]:
    """Stop a stack at the end; when this process is gone before, a watcher stops it.

    The watcher reads from a pipe that nobody else holds: its end is the end of this process.
    """
    watcher = subprocess.Popen(
        [sys.executable, "-m", "tests.leash", str(stack.config.state)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield stack
    finally:
        stack.down()
        watcher.communicate(DONE)


def main() -> None:
    """Wait for the end of the process that started this one; stop its stack if it left it."""
    if sys.stdin.buffer.read() != DONE:
        Stack(Config.load({"STARLIFT_STATE": sys.argv[1]})).down()


if __name__ == "__main__":
    main()
