"""The files that UNLOAD writes: their names, sizes, parts and manifest."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.redshift.commands import s3
from infra.local.redshift.commands.unload_source import OutColumn
from infra.local.redshift.commands.unload_statement import UnloadFormat, UnloadStatement
from infra.local.redshift.errors import GatewayError

# Bytes of one part of a multipart upload; S3 takes at least 5 MB and at most 10,000 parts.
_PART = 8 * 1024 * 1024
# What Hive escapes in a partition's folder name (FileUtils.escapePathName).
_ESCAPED = frozenset("\"#%'*/:=?\\\x7f{[]^" + "".join(map(chr, range(32))))
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_SUFFIX = {"gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}


@dataclass
class Written:
    """One file that is complete."""

    url: str
    rows: int
    size: int
    started: datetime
    ended: datetime


class Upload(io.RawIOBase):
    """A new S3 object, written in parts; it exists when `close` has returned."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        super().__init__()
        self._s3, self._bucket, self._key = client, bucket, key
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._id: str | None = None
        self._aborted = False
        self.size = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def write(self, data: Any) -> int:
        """Take bytes; sends a part when enough are there."""
        self._buffer += data
        length = memoryview(data).nbytes
        self.size += length
        if len(self._buffer) >= _PART:
            self._send()
        return length

    def _send(self) -> None:
        where = {"Bucket": self._bucket, "Key": self._key}
        if self._id is None:
            self._id = self._s3.create_multipart_upload(**where)["UploadId"]
        number = len(self._parts) + 1
        answer = self._s3.upload_part(
            **where, UploadId=self._id, PartNumber=number, Body=bytes(self._buffer)
        )
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})
        self._buffer.clear()

    def close(self) -> None:
        """Complete the object."""
        if self.closed:
            return
        super().close()
        if self._aborted:
            return
        where = {"Bucket": self._bucket, "Key": self._key}
        if self._id is None:
            self._s3.put_object(**where, Body=bytes(self._buffer))
            return
        if self._buffer:
            self._send()
        self._s3.complete_multipart_upload(
            **where, UploadId=self._id, MultipartUpload={"Parts": self._parts}
        )

    def abort(self) -> None:
        """Forget the object."""
        self._aborted = True
        if self._id is not None:
            self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)
            self._id = None
        self.close()


class Destination:
    """Where the files go: names in order, what is there already, what was written."""

    def __init__(self, client: Any, statement: UnloadStatement) -> None:
        self._s3, self._statement = client, statement
        self.bucket, self.prefix = s3.split_url(statement.url)
        if statement.partition_by and self.prefix and not self.prefix.endswith("/"):
            self.prefix += "/"
        self._folder, self._number = "", 0
        self.written: list[Written] = []

    def prepare(self) -> None:
        """Clean the path, or raise GatewayError when files are there that might be overwritten."""
        statement = self._statement
        if statement.allow_overwrite or (statement.clean_path and statement.partition_by):
            return
        found = self._existing(self.prefix)
        if statement.clean_path:
            self._delete(found)
        elif found:
            raise GatewayError(
                "XX000",
                "Specified unload destination on S3 is not empty. Consider using a different "
                "bucket / prefix, manually removing the target files in S3, or using the "
                "ALLOWOVERWRITE option.",
            )

    def enter(self, values: Iterable[str | None]) -> None:
        """Go to a partition's folder, given its column's values."""
        names = self._statement.partition_by
        self._folder = "".join(
            f"{name}={_folder_name(value)}/" for name, value in zip(names, values, strict=True)
        )
        self._number = 0
        if self._statement.clean_path:
            self._delete(self._existing(self.prefix + self._folder))

    def open(self) -> Upload:
        """The next file."""
        statement = self._statement
        number = self._number
        self._number += 1
        name = f"0000_part_{number:02}" if statement.parallel else f"{number:03}"
        if statement.extension is not None:
            name += "." + statement.extension.removeprefix(".")
        elif statement.format is UnloadFormat.PARQUET:
            name += ".parquet"
        elif statement.compression is not None:
            name += _SUFFIX[statement.compression.value]
        self._key = self.prefix + self._folder + name
        self._opened = datetime.now(UTC)
        return Upload(self._s3, self.bucket, self._key)

    def done(self, rows: int, size: int) -> None:
        """Note that the file opened last is complete."""
        url = f"s3://{self.bucket}/{self._key}"
        self.written.append(Written(url, rows, size, self._opened, datetime.now(UTC)))

    def manifest(self, columns: list[OutColumn]) -> None:
        """Write the manifest."""
        body = json.dumps(self._manifest(columns), indent=2)
        self._s3.put_object(Bucket=self.bucket, Key=self.prefix + "manifest", Body=body.encode())

    def _manifest(self, columns: list[OutColumn]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD_command_examples.html"""
        verbose = self._statement.verbose
        with_size = verbose or self._statement.format is UnloadFormat.PARQUET
        # With HEADER the header line counts as a row.
        extra = int(self._statement.header)
        entries: list[dict[str, Any]] = []
        for file in self.written:
            entry: dict[str, Any] = {"url": file.url}
            if with_size:
                entry["meta"] = {"content_length": file.size}
            if verbose:
                entry["meta"]["record_count"] = file.rows + extra
            entries.append(entry)
        if not verbose:
            return {"entries": entries}
        return {
            "entries": entries,
            "schema": {"elements": [_element(column) for column in columns]},
            "meta": {
                "content_length": sum(file.size for file in self.written),
                "record_count": sum(file.rows + extra for file in self.written),
            },
            "author": {"name": "Amazon Redshift", "version": "1.0.0"},
        }

    def _existing(self, prefix: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [key for key in keys if not key.endswith("/")]

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            self._s3.delete_object(Bucket=self.bucket, Key=key)


def _folder_name(value: str | None) -> str:
    """A partition value as Hive writes it."""
    if not value:
        return NULL_PARTITION
    return "".join(f"%{ord(c):02X}" if c in _ESCAPED else c for c in value)


def _element(column: OutColumn) -> dict[str, Any]:
    """A column of a verbose manifest."""
    kind: dict[str, Any] = {"base": column.type}
    if column.is_text and column.length is not None:
        kind["max_length"] = column.length
    if column.type == "numeric":
        kind["precision"], kind["scale"] = column.precision, column.scale
    return {"name": column.name, "type": kind}
