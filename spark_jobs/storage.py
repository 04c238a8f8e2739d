"""Files through Hadoop's FileSystem, which knows s3:// on a cluster and on a laptop alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

# What py4j sends, as base64, in one write of its 8,192 bytes. Where an answer takes several, the
# next waits 40 ms for the first to be acknowledged (Nagle's algorithm, delayed acknowledgements).
_PIECE_BYTES = 6000
_BYTE_ORDER_MARK = 0xFEFF
_LINE_END = re.compile("\r\n|\r|\n")
# A column as Parquet's MessageType writes it: `  optional int64 at (TIMESTAMP(NANOS,true));`.
_NANOSECONDS = re.compile(r"^  \w+ int64 (.+) \(TIMESTAMP\(NANOS,\w+\)\)", re.MULTILINE)
NANOSECONDS = "nanoseconds"
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class StoredFile:
    """A file and its size in bytes; `encoded` is the URL as Spark's metadata column writes it.

    `origin` names a file that was unpacked: the archive's URL, `!/`, and the name in the archive.
    """

    url: str
    size: int
    encoded: str
    origin: str | None = None

    @property
    def name(self) -> str:
        """Return the URL under which people know the file."""
        return self.origin or self.url


class Storage:
    """Lists, reads and writes whole files by URL."""

    def __init__(self, spark: SparkSession) -> None:
        context = spark.sparkContext
        self._gateway: Any = context._gateway
        self._jvm: Any = context._jvm
        self._conf: Any = context._jsc.hadoopConfiguration()
        self._sql_conf: Any = spark._jsparkSession.sessionState().conf()

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
        """Return at most the first `size` bytes, decompressed when the name says so (.gz, .bz2).

        Raises `OSError` when it is not what its name says.
        """
        try:
            stream = self._open(url)
            try:
                head = bytearray()
                while piece := stream.readNBytes(min(_PIECE_BYTES, size - len(head))):
                    head += piece
                return bytes(head)
            finally:
                stream.close()
        except Py4JJavaError as error:
            raise OSError(_reason(error)) from error

    def read_through(self, url: str) -> str | None:
        """Read a whole file and forget it; return what is wrong with it, None if nothing is."""
        try:
            stream = self._open(url)
            try:
                self._copy(stream, self._jvm.java.io.OutputStream.nullOutputStream())
            finally:
                stream.close()
        except Py4JJavaError as error:
            return _reason(error)
        return None

    def unzip(self, archive: StoredFile, folder: str, wanted: str) -> Sequence[StoredFile]:
        """Unpack the files of a zip archive whose names match `wanted` into a folder.

        Bytes go from stream to stream: memory does not grow with the archive. What systems add to
        archives (`__MACOSX/`, names that start with a dot) is left out. Raises `OSError` with the
        reason when the archive is broken or encrypted.
        """
        path = self._path(archive.url)
        stream = path.getFileSystem(self._conf).open(path)
        found: list[Any] = []
        try:
            entries = self._jvm.java.util.zip.ZipInputStream(stream)
            while (entry := entries.getNextEntry()) is not None:
                name = str(entry.getName())
                parts = name.split("/")
                if entry.isDirectory() or "__MACOSX" in parts or _hidden(name):
                    continue
                if not (fnmatchcase(name, wanted) or fnmatchcase(parts[-1], wanted)):
                    continue
                target = self._path(f"{folder}{len(found):05}-{_SAFE.sub('-', parts[-1])}")
                output = target.getFileSystem(self._conf).create(target, True)
                try:
                    self._copy(entries, output)
                finally:
                    output.close()
                status = target.getFileSystem(self._conf).getFileStatus(target)
                unpacked = self._file(status)
                found.append(replace(unpacked, origin=f"{archive.url}!/{name}"))
        except Py4JJavaError as error:
            raise OSError(_reason(error)) from error
        finally:
            stream.close()
        return found

    def parquet_schema(self, url: str) -> str:
        """Return the Spark schema of a Parquet file as JSON; raise `OSError` if it is none.

        Spark has no timestamps in nanoseconds: those columns are of type long, and marked.
        """
        hadoop = self._jvm.org.apache.parquet.hadoop
        try:
            source = hadoop.util.HadoopInputFile.fromPath(self._path(url), self._conf)
            reader = hadoop.ParquetFileReader.open(source)
            try:
                schema = reader.getFileMetaData().getSchema()
            finally:
                reader.close()
            sql = self._jvm.org.apache.spark.sql
            converter = sql.execution.datasources.parquet.ParquetToSparkSchemaConverter(
                self._sql_conf
            )
            found = json.loads(str(converter.convert(schema).json()))
            counted = set(_NANOSECONDS.findall(str(schema.toString())))
            for each in found["fields"]:
                if each["name"] in counted:
                    each["metadata"] = {NANOSECONDS: True}
            return json.dumps(found)
        except Py4JJavaError as error:
            raise OSError(_reason(error)) from error
        except PySparkException as error:  # a type that Spark does not have
            raise OSError(str(error).splitlines()[0]) from error

    def parquet_rows(self, url: str) -> int:
        """Return how many rows a Parquet file has, by its footer."""
        hadoop = self._jvm.org.apache.parquet.hadoop
        source = hadoop.util.HadoopInputFile.fromPath(self._path(url), self._conf)
        reader = hadoop.ParquetFileReader.open(source)
        try:
            return int(reader.getRecordCount())
        finally:
            reader.close()

    def record_lines(
        self, url: str, options: Mapping[str, str], charset: str, records: Sequence[int]
    ) -> dict[int, int]:
        """Return at which line the CSV records with these numbers begin; all count from 1.

        It goes through the file with the parser and the settings that Spark has: skipping costs one
        call for any number of records.
        """
        given = self._jvm.java.util.HashMap()
        for key, value in options.items():
            given.put(key, value)
        spark_options = self._jvm.org.apache.spark.sql.catalyst.csv.CSVOptions(
            self._jvm.PythonUtils.toScalaMap(given), False, "UTC"
        )
        parser = self._jvm.com.univocity.parsers.csv.CsvParser(spark_options.asParserSettings())
        skip = self._jvm.com.google.common.collect.Iterators.advance
        rows = parser.iterate(self._open(url), charset).iterator()
        java = self._jvm.java.io
        # The parser counts the ends of records and not those of lines within them.
        text = java.LineNumberReader(java.InputStreamReader(self._open(url), charset))
        at, place, lines = 1, 0 if text.read() == _BYTE_ORDER_MARK else 1, {}
        try:
            for number in records:
                rows.hasNext()  # the iterator reads one record ahead: the parser is at its end
                skip(rows, number - at)
                context = parser.getContext()
                end, record = int(context.currentChar()), str(context.currentParsedContent() or "")
                text.skip(end - place)
                lines[number] = int(text.getLineNumber()) - len(_LINE_END.findall(record)) + 1
                at, place = number, end
        finally:
            parser.stopParsing()
            text.close()
        return lines

    def delete(self, folder: str) -> None:
        """Delete a folder and all in it, if it is there."""
        path = self._path(folder)
        path.getFileSystem(self._conf).delete(path, True)

    def write(self, url: str, content: bytes) -> None:
        """Write a whole file, replacing one that is there; on S3 this is one PUT."""
        path = self._path(url)
        stream = path.getFileSystem(self._conf).create(path, True)
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()

    def _open(self, url: str) -> Any:
        """Open a file, decompressed when its name says so; closing the stream closes the file."""
        path = self._path(url)
        stream = path.getFileSystem(self._conf).open(path)
        codec = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(
            self._conf
        ).getCodec(path)
        try:
            return stream if codec is None else codec.createInputStream(stream)
        except Py4JJavaError:
            stream.close()
            raise

    def _copy(self, source: Any, target: Any) -> None:
        self._jvm.org.apache.hadoop.io.IOUtils.copyBytes(source, target, 64 * 1024, False)

    @cached_property
    def _new_path(self) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path

    def _path(self, url: str) -> Any:
        return self._new_path(url)

    def _file(self, status: Any) -> StoredFile:
        path = status.getPath()
        return StoredFile(path.toString(), int(status.getLen()), path.toUri().toString())


def _reason(error: Py4JJavaError) -> str:
    """Return the message of the Java exception at the root of an error."""
    cause: Any = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return str(cause.getMessage() or cause.getClass().getSimpleName())


def _hidden(url: str) -> bool:
    return url.rstrip("/").rpartition("/")[2].startswith(("_", "."))
