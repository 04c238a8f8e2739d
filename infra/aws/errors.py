"""The error that the command line shows as a message and not as a traceback."""

from __future__ import annotations


class DeployError(Exception):
    """Something that the person at the keyboard can put right; the text says how."""
