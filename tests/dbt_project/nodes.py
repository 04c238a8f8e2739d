"""The nodes of dbt's manifest."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]


def folder(model: Node, depth: int = 1) -> str:
    return "/".join(model["original_file_path"].split("/")[1 : 1 + depth])
