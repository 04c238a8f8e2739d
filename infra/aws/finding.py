"""What one of the doctor's checks found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What a check found; ``remedy`` says what to do when it is not well."""

    check: str
    well: bool
    found: str
    remedy: str = ""
