"""The raw files of a batch: found, unpacked, and looked at before Spark reads them.

What becomes of a file that is not what it should be is in CONTRIBUTING.md ("What happens to a bad
file"): `FileError` says what is wrong, `unreadable_files` in the contract what that means.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from spark_jobs.errors import BatchError
from spark_jobs.feed import Feed, Format, UnreadableFiles
from spark_jobs.storage import Storage, StoredFile

_LFS = b"version https://git-lfs.github.com/spec/"
_MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "gzip data",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
}

# By which ends of their names the files of a feed of several formats are told apart.
_ENDINGS = {
    Format.CSV: (".csv", ".txt", ".tsv"),
    Format.JSONL: (".jsonl", ".ndjson", ".json"),
    Format.PARQUET: (".parquet", ".pq"),
}

T = TypeVar("T")


class FileError(BatchError):
    """A file cannot be read as its feed's; the message begins with the file's name."""


@dataclass(frozen=True)
class Unreadable:
    """A file that is rejected as a whole, and why."""

    file: StoredFile
    reason: str


class Findings:
    """Files that cannot be read: they fail the batch at once, or are rejected one by one."""

    def __init__(self, policy: UnreadableFiles) -> None:
        self.policy = policy
        self.unreadable: list[Unreadable] = []
        self.unpacked = False

    def guard(self, files: Iterable[StoredFile], look: Callable[[], T]) -> T | None:
        """Return what `look` returns; note the files where it raises FileError and may go on."""
        try:
            return look()
        except FileError as error:
            if self.policy is UnreadableFiles.FAIL:
                hint = "; or write `unreadable_files: reject` to load the other files without it"
                raise FileError(f"{error}{hint}") from error
            self.unreadable += [Unreadable(file, str(error)) for file in files]
            return None


def find_files(
    storage: Storage, feed: Feed, pattern: str, folder: str, findings: Findings
) -> list[StoredFile]:
    """Return the files that match, zip archives unpacked into `folder`; raise if there are none."""
    found = storage.glob(pattern)
    if not found:
        raise BatchError(
            f"no file matches {pattern}: check the feed's `files.pattern` in the contract, "
            "and that the batch's files have been uploaded"
        )
    files: list[StoredFile] = []
    for at, file in enumerate(found):
        if not file.url.lower().endswith(".zip"):
            files.append(file)
            continue
        findings.unpacked = True
        target = f"{folder}{at:05}/"
        files += findings.guard([file], lambda: _unzip(storage, feed, file, target)) or []  # noqa: B023 called at once
    return files


def format_of(file: StoredFile, feed: Feed) -> Format:
    """Return a file's format: the feed's, or the one of several that its name ends with.

    Raises `FileError` for a name that ends with none of them.
    """
    formats = feed.files.formats
    if len(formats) == 1:
        return formats[0]
    name = file.url.lower().removesuffix(".gz").removesuffix(".bz2")
    for form in formats:
        if name.endswith(_ENDINGS[form]):
            return form
    endings = ", ".join(ending for form in formats for ending in _ENDINGS[form])
    raise FileError(
        f"{file.name}: the feed has files of several formats, told apart by their names, and this "
        f"name ends with none of {endings}: upload it under a name that does"
    )


def check_head(file: StoredFile, head: bytes, feed: Feed) -> None:
    """Raise `FileError` for a file whose first bytes say that it is no text of the feed's."""
    if head.startswith(_LFS):
        raise FileError(
            f"{file.name} is a Git LFS pointer, not the file: run `git lfs pull` where it came "
            "from and upload it again"
        )
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise FileError(
                f"{file.name} is {kind}, whatever its name says: upload the text file, or name it "
                "by what it is"
            )
    wide = feed.files.charset.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    if not wide and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileError(
            f"{file.name} is UTF-16 text: upload it as {feed.files.encoding}, or write "
            "`encoding: utf-16` and `multiline: true` in the contract"
        )
    if not wide and b"\0" in head:
        raise FileError(f"{file.name} is binary, not text: it holds NUL bytes; upload it again")


def explain_failure(
    storage: Storage, feed: Feed, files: Iterable[StoredFile], error: str
) -> str | None:
    """Return what is wrong with the files after Spark failed to read them, None if it is not that.

    Compressed files are read to their ends to find the one that is cut off.
    """
    if "TextParsingException" in error:
        return (
            f"a value in a file of {feed} is longer than any column holds, most likely because a "
            "quote is never closed: correct the file, or write `multiline: false` in the contract"
        )
    for file in files:
        packed = file.url.lower().endswith((".gz", ".bz2"))
        if packed and (reason := storage.read_through(file.url)):
            return (
                f"{file.name} is broken ({reason}): it was cut off or damaged on its way; "
                "upload it again"
            )
    return None


def _unzip(storage: Storage, feed: Feed, file: StoredFile, folder: str) -> Sequence[StoredFile]:
    if feed.files.formats == (Format.PARQUET,):
        raise FileError(f"{file.name} is a zip archive: Parquet files are uploaded as they are")
    try:
        found = storage.unzip(file, folder, feed.files.entries)
    except OSError as error:
        raise FileError(f"{file.name} cannot be unpacked ({error}); upload it again") from error
    if not found:
        raise FileError(
            f"{file.name} holds no file whose name matches {feed.files.entries!r}: "
            "upload it again, or correct `files.entries` in the contract"
        )
    return found
