from __future__ import annotations

from typing import Any

import pytest

from infra.local.redshift.commands.s3 import SMALL, ObjectReader, S3Object, open_object

from ..conftest import Lake, Schema, Servers

pytestmark = pytest.mark.slow


@pytest.fixture
def client(servers: Servers) -> Any:
    """An S3 client that counts its reads."""
    made = servers.s3()
    made.reads = []
    made.meta.events.register(
        "before-call.s3.GetObject",
        lambda params, **_: made.reads.append(params["headers"].get("Range")),
    )
    return made


def test_an_object_is_read_by_few_requests(client: Any, schema: Schema, lake: Lake) -> None:
    data = bytes(n * n % 251 for n in range(SMALL + 5))
    lake.put("big", data)
    item = S3Object("lake", f"{lake.root.name}/big", len(data))
    with open_object(client, item) as reader:
        assert reader.read() == data
    assert client.reads == ["bytes=0-"]
    client.reads.clear()
    with ObjectReader(client, item) as raw:
        raw.seek(-8, 2)
        assert raw.read(100) == data[-8:]
        raw.seek(10)
        assert raw.read(1000) == data[10:1010]
        raw.seek(500_000, 1)  # a little ahead: the request goes on
        assert raw.read(3_000_000) == data[501_010:3_501_010]
        raw.seek(4)
        assert raw.read(4) == data[4:8]
        raw.seek(len(data))
        assert raw.read(1) == b""
    assert client.reads == [f"bytes={len(data) - 8}-", "bytes=10-", "bytes=4-"]
    client.reads.clear()
    lake.put("small", b"abc")
    small = S3Object("lake", f"{lake.root.name}/small", 3)
    with open_object(client, small) as reader:
        reader.seek(1)
        assert reader.read() == b"bc"
    assert client.reads == [None]


def test_an_object_that_shrinks_is_an_error(client: Any, schema: Schema, lake: Lake) -> None:
    lake.put("short", b"x" * 100)
    item = S3Object("lake", f"{lake.root.name}/short", SMALL + 1)
    with (
        open_object(client, item) as reader,
        pytest.raises(OSError, match=r"short ends after 100 of \d+ bytes"),
    ):
        reader.read()
