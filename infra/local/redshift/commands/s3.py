"""What COPY reads from S3: objects under a prefix, manifests, ranges of an object.

Through boto3's default chain; AWS_ENDPOINT_URL_S3 leads to a local server.
"""

from __future__ import annotations

import functools
import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.errors import GatewayError

# Bytes read at a time when a reader asks for less, and skipped rather than asked for anew.
READ_AHEAD = 1024 * 1024
# Objects up to this many bytes are fetched whole.
SMALL = 8 * 1024 * 1024


@dataclass(frozen=True)
class S3Object:
    """One file to load; `size` in bytes."""

    bucket: str
    key: str
    size: int

    @property
    def url(self) -> str:
        """Its s3:// address."""
        return f"s3://{self.bucket}/{self.key}"


@functools.cache
def client() -> Any:
    """The S3 client of this process; path-style addresses, which local servers need."""
    return boto3.client(
        "s3",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 3, "mode": "standard"},
            # rclone answers a range with the checksum of the whole object, which S3 does not.
            response_checksum_validation="when_required",
        ),
    )


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URL; raises GatewayError for anything else."""
    parts = urlsplit(url, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise GatewayError("22023", f"Invalid S3 URL: {url}", hint="Write s3://bucket/key.")
    key = parts.path.lstrip("/")
    return parts.netloc, key + (f"?{parts.query}" if parts.query else "")


def failed(error: Exception, url: str) -> GatewayError:
    """Redshift's error for what S3 answered."""
    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        code, text = answer.get("Code", "?"), answer.get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return GatewayError(
            "XX000",
            f"S3ServiceException:{text},Status {status},Error {code}",
            detail=f"Reading {url}",
        )
    return GatewayError(
        "XX000",
        f"S3 does not answer: {error}",
        detail=f"Reading {url}",
        hint="Check AWS_ENDPOINT_URL_S3 and the credentials of the gateway's environment.",
    )


def objects(s3: Any, url: str) -> list[S3Object]:
    """Objects whose key starts with the URL's key, in order; raises GatewayError for none."""
    bucket, prefix = split_url(url)
    found: list[S3Object] = []
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                if not item["Key"].endswith("/"):
                    found.append(S3Object(bucket, item["Key"], item["Size"]))
    except (ClientError, BotoCoreError) as error:
        raise failed(error, url) from error
    if not found:
        raise GatewayError("XX000", f"The specified S3 prefix '{prefix}' does not exist")
    return sorted(found, key=lambda item: item.key)


def manifest_objects(s3: Any, url: str, *, need_length: bool) -> list[S3Object]:
    """Objects that a COPY manifest lists; columnar formats need meta.content_length.

    An entry without `mandatory` may be missing; when no file is found the COPY fails.
    https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html
    """
    bucket, key = split_url(url)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise failed(error, url) from error
    try:
        entries = json.loads(body)["entries"]
        listed = [
            (
                str(entry["url"]),
                bool(entry.get("mandatory", False)),
                entry.get("meta", {}).get("content_length"),
            )
            for entry in entries
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GatewayError(
            "XX000",
            f"Manifest file is not in correct json format: {url}",
            detail=f"{type(error).__name__}: {error}",
            hint='Write {"entries": [{"url": "s3://…", "mandatory": true, "meta": {…}}]}.',
        ) from error
    found: list[S3Object] = []
    for entry_url, mandatory, length in listed:
        if need_length and not isinstance(length, int):
            raise GatewayError(
                "XX000",
                "Manifest entry is missing meta.content_length, which columnar formats need",
                detail=f"Entry {entry_url} of {url}",
            )
        item = _head(s3, entry_url, mandatory)
        if item is None:
            continue
        if isinstance(length, int) and length != item.size:
            raise GatewayError(
                "XX000",
                "File size in the manifest does not match the file",
                detail=f"{entry_url}: meta.content_length {length}, actual size {item.size}",
            )
        found.append(item)
    if not found:
        raise GatewayError("XX000", "No file was found", detail=f"Manifest {url}")
    return found


def _head(s3: Any, url: str, mandatory: bool) -> S3Object | None:
    """One object with its size; None when it is missing and may be."""
    bucket, key = split_url(url)
    try:
        size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
            raise failed(error, url) from error
        if mandatory:
            raise GatewayError(
                "XX000",
                "The specified key does not exist: a mandatory file of the manifest is missing",
                detail=url,
            ) from error
        return None
    except BotoCoreError as error:
        raise failed(error, url) from error
    return S3Object(bucket, key, size)


class ObjectReader(io.RawIOBase):
    """An S3 object as a seekable file whose sequential reads are one request.

    A request goes from a position to the object's end and is read as far as it is wanted: some
    servers hash the whole object for each request, and every request costs a round trip.
    """

    def __init__(self, s3: Any, item: S3Object) -> None:
        super().__init__()
        self._s3, self._item, self._position = s3, item, 0
        self._body: Any = None
        self._body_at = 0  # the position of the body's next byte

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position in bytes."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._item.size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on, up to the object's end."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._item.size - self._position)
        if wanted <= 0:
            return 0
        self._open()
        done = 0
        while done < wanted:
            data = self._body.read(min(wanted - done, READ_AHEAD))
            if not data:
                raise OSError(
                    f"{self._item.url} ends after {self._position + done} of "
                    f"{self._item.size} bytes"
                )
            view[done : done + len(data)] = data
            done += len(data)
        self._position += done
        self._body_at = self._position
        return done

    def _open(self) -> None:
        """Have a body that is at the position: the one that is open, or a new one."""
        ahead = self._position - self._body_at
        if self._body is not None and 0 <= ahead <= READ_AHEAD:
            while ahead:
                skipped = len(self._body.read(ahead))
                if not skipped:
                    break
                ahead -= skipped
            if not ahead:
                return
        self._close_body()
        answer = self._s3.get_object(
            Bucket=self._item.bucket, Key=self._item.key, Range=f"bytes={self._position}-"
        )
        self._body, self._body_at = answer["Body"], self._position

    def _close_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        """Drop the request that is open."""
        self._close_body()
        super().close()


def open_object(s3: Any, item: S3Object) -> io.BufferedIOBase:
    """A buffered, seekable reader of an object; a small one is fetched whole, at once."""
    if item.size > SMALL:
        return io.BufferedReader(ObjectReader(s3, item), READ_AHEAD)
    answer = s3.get_object(Bucket=item.bucket, Key=item.key)
    return io.BytesIO(answer["Body"].read())
