"""Feed specifications and files for tests."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def column(name: str, data_type: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "data_type": data_type, **settings}


def feed(*columns: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"source": "shop", "feed": "orders", "columns": list(columns), **settings}


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
