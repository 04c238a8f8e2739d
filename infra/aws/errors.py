"""What the command line shows as a message and not as a traceback."""

from __future__ import annotations


class DeployError(Exception):
    """Something that the person at the keyboard can put right; the text says how."""


class Stopped(BaseException):
    """Ctrl-C: not a KeyboardInterrupt, which typer would turn into a message of its own."""

    def __init__(self, advice: str = "") -> None:
        super().__init__(
            advice or "AWS goes on with what it was told; run the command again to follow it."
        )
