"""Files through Hadoop's FileSystem, which knows s3:// on a cluster and on a laptop alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession


@dataclass(frozen=True)
class StoredFile:
    """A file and its size in bytes; `encoded` is the URL as Spark's metadata column writes it."""

    url: str
    size: int
    encoded: str


class Storage:
    """Lists, reads and writes whole files by URL."""

    def __init__(self, spark: SparkSession) -> None:
        context = spark.sparkContext
        self._gateway: Any = context._gateway
        self._jvm: Any = context._jvm
        self._conf: Any = context._jsc.hadoopConfiguration()

    def glob(self, pattern: str) -> list[StoredFile]:
        """Return the files that match, sorted; names that start with `_` or `.` are hidden."""
        path = self._path(pattern)
        found = path.getFileSystem(self._conf).globStatus(path) or ()
        files = (self._file(status) for status in found if status.isFile())
        return sorted((file for file in files if not _hidden(file.url)), key=lambda f: f.url)

    def list(self, folder: str) -> list[StoredFile]:
        """Return the visible files directly in a folder, sorted."""
        path = self._path(folder)
        found = path.getFileSystem(self._conf).listStatus(path)
        files = (self._file(status) for status in found if status.isFile())
        return sorted((file for file in files if not _hidden(file.url)), key=lambda f: f.url)

    def read_head(self, url: str, size: int) -> bytes:
        """Return at most the first `size` bytes, decompressed when the name says so (.gz, .bz2)."""
        path = self._path(url)
        stream = path.getFileSystem(self._conf).open(path)
        try:
            factory = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._conf)
            codec = factory.getCodec(path)
            plain = codec.createInputStream(stream) if codec is not None else stream
            # readNBytes returns what there is, and py4j turns a byte[] into bytes in one call.
            return bytes(plain.readNBytes(size))
        finally:
            stream.close()

    def write(self, url: str, content: bytes) -> None:
        """Write a whole file, replacing one that is there; on S3 this is one PUT."""
        path = self._path(url)
        stream = path.getFileSystem(self._conf).create(path, True)
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()

    def _path(self, url: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(url)

    def _file(self, status: Any) -> StoredFile:
        path = status.getPath()
        return StoredFile(path.toString(), int(status.getLen()), path.toUri().toString())


def _hidden(url: str) -> bool:
    return url.rstrip("/").rpartition("/")[2].startswith(("_", "."))
