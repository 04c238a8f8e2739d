"""Ctrl-C and SIGTERM: both end a command in the same way, with the status that shells expect."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


def status_of(interrupt: KeyboardInterrupt) -> int:
    """Return the exit status that tells which signal ended a command: 130 or 143."""
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM interrupt the main thread; answer further ones by words.

    So what an interrupted command stops is stopped whole. One wish to stop may arrive twice: make
    and timeout each pass SIGTERM on. A signal that is ignored (a job in the background) stays so.
    """
    arrived = False

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal arrived
        if arrived:  # not by print(), which this may have interrupted
            os.write(STDERR, b"Stopping: this takes some seconds.\n")
            return
        arrived = True
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
