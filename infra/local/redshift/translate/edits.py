"""Changes to a text at exact positions, applied together, with the way back for error positions."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class _Edit:
    start: int
    order: int
    end: int
    text: str


@dataclass
class Edits:
    """Non-overlapping replacements in `sql`; insertions at one place keep their order."""

    sql: str
    _edits: list[_Edit] = field(default_factory=list)

    def replace(self, start: int, end: int, text: str) -> None:
        """Put `text` in the place of sql[start:end]; what was changed inside is dropped."""
        if end > start:
            self._edits = [
                edit for edit in self._edits if not (start <= edit.start and edit.end <= end)
            ]
        bisect.insort(self._edits, _Edit(start, len(self._edits), end, text))

    def insert(self, position: int, text: str) -> None:
        """Put `text` before sql[position]."""
        bisect.insort(self._edits, _Edit(position, len(self._edits), position, text))

    def delete(self, start: int, end: int) -> None:
        """Remove sql[start:end]."""
        self.replace(start, end, "")

    def render(self, start: int = 0, end: int | None = None) -> str:
        """sql[start:end] with the changes made so far inside it."""
        stop = len(self.sql) if end is None else end
        parts: list[str] = []
        position = start
        for edit in self._edits[bisect.bisect_left(self._edits, _Edit(start, -1, 0, "")) :]:
            if edit.start > stop or edit.end > stop or (end is not None and edit.start == stop):
                break
            parts.append(self.sql[position : edit.start])
            parts.append(edit.text)
            position = max(position, edit.end)
        parts.append(self.sql[position:stop])
        return "".join(parts)

    def original_position(self, position: int) -> int:
        """The position in `sql` that a position in the rendered text comes from (both from 0)."""
        shift = 0
        for edit in self._edits:
            new_start = edit.start + shift
            if new_start > position:
                break
            if position < new_start + len(edit.text):
                return edit.start
            shift += len(edit.text) - (edit.end - edit.start)
        return min(max(position - shift, 0), len(self.sql))
