"""What changes the meaning of names, and how often that has happened."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Statements that leave all names as they are.
_KEEPS_NAMES = re.compile(
    r"(?:select\b|with\b|values\b|declare\b|\()(?!.*\b(?:into|set_config)\b)"
    r"|(?:insert|update|delete|begin|start|commit|end|rollback|abort|copy|unload|fetch|close|show)\b"
    r"(?!.*\bset_config\b)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class Changes:
    """How often names may have come to mean something else, in any session of the gateway."""

    count: int = 0


def keeps_names(statement: str) -> bool:
    """Whether after a statement every name means what it meant before."""
    return _KEEPS_NAMES.match(statement) is not None
