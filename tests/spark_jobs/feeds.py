"""Feed specifications for tests."""

from __future__ import annotations

from typing import Any


def column(name: str, data_type: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "data_type": data_type, **settings}


def feed(*columns: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"source": "shop", "feed": "orders", "columns": list(columns), **settings}
