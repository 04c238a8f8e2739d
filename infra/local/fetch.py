"""Getting real files from their publishers into the lake, where the contract looks for them."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from datetime import date
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from infra.local import storage
from infra.local.config import Config
from infra.local.download import download
from infra.local.errors import StackError
from infra.local.publishers import Publication, Publishers, of_month

Say = Callable[[str], None]


def fetch(
    config: Config, publishers: Publishers, source: str, month: date, say: Say, to: Path | None
) -> int:
    """Fetch what a source's publishers have for a month; returns how many files were placed.

    They go into the lake's bucket, or below the folder ``to``. Downloads are kept in the state
    folder. Raises StackError; files that came before the error are placed.
    """
    placed = 0
    for feed, publication in of_month(publishers, source, month).items():
        pattern = key_pattern(config.manifest, source, feed, month)
        if publication.by_hand:
            say(f"{source}.{feed}: {publication.by_hand.format(key=pattern)}")
            continue
        url = publication.address(month)
        say(f"{source}.{feed}: {url}")
        place = urlsplit(url).hostname or "publisher"
        file = config.state / "fetched" / place / publication.file_name(month)
        download(url, file, say, publication.checksum)
        with tempfile.TemporaryDirectory(prefix="starlift-fetch-") as folder:
            files = _by_key(_unpacked(file, publication, Path(folder)), pattern)
            _place(config, files, to)
        for key in files:
            say(f"  -> {to / key if to else f's3://{config.lake_bucket}/{key}'}")
        placed += len(files)
    return placed


def key_pattern(manifest: Path, source: str, feed: str, month: date) -> str:
    """Where the contract looks for a feed's month, with its wild cards."""
    sources = json.loads(manifest.read_text(encoding="utf-8"))["sources"]
    node = sources.get(f"source.starlift.{source}.{feed}")
    if node is None:
        message = f"No contract declares {source}.{feed}: see dbt_project/models/staging."
        raise StackError(message)
    pattern: str = node["config"]["meta"]["files"]["pattern"]
    for name, text in {"yyyy": f"{month:%Y}", "MM": f"{month:%m}", "dd": "01", "HH": "00"}.items():
        pattern = pattern.replace(f"{{{name}}}", text)
    return f"raw/{source}/{feed}/{pattern}"


def _unpacked(file: Path, publication: Publication, folder: Path) -> list[Path]:
    """The files that the contract reads: the file itself, or what its archive holds of them."""
    if not publication.unpack:
        return [file]
    found = []
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                path = PurePosixPath(member.filename)
                if "__MACOSX" in path.parts or not fnmatch(member.filename, publication.unpack):
                    continue
                target = folder / path.name  # the name alone: no member can leave the folder
                with archive.open(member) as packed, target.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                found.append(target)
    except zipfile.BadZipFile as error:
        message = f"{file} is no zip archive, or a broken one ({error}). Delete it and fetch again."
        raise StackError(message) from error
    if not found:
        message = f"{file} holds no {publication.unpack}. Has its publisher changed the archive?"
        raise StackError(message)
    return found


def _by_key(files: list[Path], pattern: str) -> dict[str, Path]:
    """Where each file belongs; raises StackError for a name that the contract doesn't look for."""
    folder = pattern.rsplit("/", 1)[0]
    keys = {f"{folder}/{file.name}": file for file in files}
    if strange := [key for key in keys if not fnmatch(key, pattern)]:
        message = f"The contract looks for {pattern}, and would not see {', '.join(strange)}."
        raise StackError(message)
    return keys


def _place(config: Config, files: dict[str, Path], to: Path | None) -> None:
    if to is None:
        storage.upload(config, config.lake_bucket, files)
        return
    for key, file in files.items():
        target = to / key
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.part")
        shutil.copyfile(file, draft)
        draft.replace(target)
