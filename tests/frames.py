"""The call stack without source lines, where tests run dbt and Redshift's driver in their process.

dbt asks `inspect.stack` for each behaviour flag at each start (`dbt_common.behavior_flags`) and
redshift_connector for each connection (`redshift_connector.core`), to name the module that called.
`inspect` looks up and reads the source of every frame for it; below pytest's frames that was more
than half of their time.
"""

from __future__ import annotations

import inspect
import sys
from types import FrameType


def stack(context: int = 0) -> list[inspect.FrameInfo]:
    """Return what `inspect.stack(0)` does, from the caller's frame outwards; no source is read."""
    found: list[inspect.FrameInfo] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        found.append(
            inspect.FrameInfo(frame, code.co_filename, frame.f_lineno, code.co_name, None, None)
        )
        frame = frame.f_back
    return found


def read_no_source() -> None:
    """Let all who ask for the stack in this process have it so."""
    inspect.stack = stack
