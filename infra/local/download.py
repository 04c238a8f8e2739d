"""Downloading a file over HTTP: resumed, checked, and put in place in one step.

Beside the file stands what is known of it (`NAME.fetched.json`): address, ETag, size and SHA-256.
A later download asks the server whether the file has changed since. What has arrived of a download
that broke off is kept as `NAME.part`, with the ETag that it belongs to, and continued by a range
request (RFC 9110, sections 13.1.5 and 14.2).
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

from infra.local.errors import StackError

CHUNK = 1 << 18
"""Bytes read at a time."""
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as lost."""
TRIES = 3
"""Attempts within one download; each goes on where the one before stopped."""
_MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.GONE}
_DIGESTS = {32: "md5", 64: "sha256"}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Fetched:
    """What is known of a downloaded file; ``size`` in bytes, ``sha256`` in hexadecimal."""

    url: str
    etag: str
    size: int
    sha256: str


class _Broken(Exception):
    """The connection ended before the file did."""


def download(url: str, target: Path, say: Say, checksum_url: str = "") -> Fetched:
    """Bring a file up to date with its address.

    Raises StackError when it is not there, the server can't be reached, it doesn't arrive whole or
    its checksum is another than the publisher's. ``target`` is then as it was before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    known = _known(target, url)
    expected = _published_digest(checksum_url) if checksum_url else ""
    for attempt in range(1, TRIES + 1):
        try:
            changed = _receive(url, target, known, say)
            break
        except _Broken as broken:
            say(f"  {broken}")
            if attempt == TRIES:
                message = f"{url}: {broken} What has arrived is kept; the same command goes on."
                raise StackError(message) from broken
    if known and not changed:
        _check(target, expected, url)
        say("  unchanged since it was fetched")
        return known
    part, etag = _part(target), _etag_file(target)
    _check(part, expected, url)
    fetched = Fetched(url, etag.read_text(), part.stat().st_size, digest(part, "sha256"))
    if known and fetched.sha256 != known.sha256:
        say(f"  the publisher has changed it: SHA-256 was {known.sha256}, is {fetched.sha256}")
    part.replace(target)
    _record(target).write_text(json.dumps(asdict(fetched), indent=2) + "\n", encoding="utf-8")
    etag.unlink()
    return fetched


def digest(path: Path, algorithm: str) -> str:
    """Checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _known(target: Path, url: str) -> Fetched | None:
    """What was recorded of the file, if it is from this address and still what was fetched."""
    record = _record(target)
    if not (target.exists() and record.exists()):
        return None
    known = Fetched(**json.loads(record.read_text(encoding="utf-8")))
    intact = known.url == url and digest(target, "sha256") == known.sha256
    return known if intact else None


def _receive(url: str, target: Path, known: Fetched | None, say: Say) -> bool:
    """Fill the part file; tells whether there was anything to receive."""
    part, etag_file = _part(target), _etag_file(target)
    etag = etag_file.read_text() if part.exists() and etag_file.exists() else ""
    have = part.stat().st_size if etag else 0
    headers = {}
    if have:
        headers = {"Range": f"bytes={have}-", "If-Range": etag}
    elif known and known.etag:
        headers = {"If-None-Match": known.etag}
    try:
        with _open(url, headers) as answer:
            resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
            have = have if resumed else 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            etag_file.write_text(_strong_etag(answer.headers))
            say(
                f"  {'going on at' if resumed else 'receiving'} {_size(have if resumed else total)}"
            )
            with part.open("ab" if resumed else "wb") as file:
                _copy(answer, file, have, total, say)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_MODIFIED:
            return False
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()
            raise _Broken("What had arrived is not the beginning of the file.") from error
        raise StackError(_refusal(url, error.code)) from error
    except urllib.error.URLError as error:
        raise StackError(_offline(url, error)) from error
    except (OSError, HTTPException) as error:
        raise _Broken(f"The connection was lost ({error}).") from error
    if total and part.stat().st_size != total:
        raise _Broken(f"Only {part.stat().st_size:,} of {total:,} bytes arrived.")
    return True


def _open(url: str, headers: dict[str, str]) -> HTTPResponse:
    if not url.startswith(("https://", "http://127.0.0.1:")):
        message = f"{url} is no https address."
        raise StackError(message)
    request = urllib.request.Request(url, headers={"User-Agent": "starlift"} | headers)  # noqa: S310
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    return answer


def _copy(answer: IO[bytes], file: IO[bytes], have: int, total: int, say: Say) -> None:
    """Copy to the end, with a line for each tenth of a large file."""
    step = max(total // 10, 5_000_000)
    shown = have
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        have += len(chunk)
        if have - shown >= step and have < total:
            shown = have
            say(f"  {_size(have)} of {_size(total)}")


def _published_digest(url: str) -> str:
    """The checksum that the publisher states, whatever words stand around it."""
    try:
        with _open(url, {}) as answer:
            text = answer.read(10_000).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        raise StackError(_refusal(url, error.code)) from error
    except (OSError, HTTPException) as error:
        raise StackError(_offline(url, error)) from error
    found = re.search(r"\b([0-9a-fA-F]{64}|[0-9a-fA-F]{32})\b", text)
    if not found:
        message = f"{url} holds no MD5 or SHA-256 checksum: {text[:80]!r}"
        raise StackError(message)
    return found[1].lower()


def _check(path: Path, expected: str, url: str) -> None:
    if not expected:
        return
    algorithm = _DIGESTS[len(expected)]
    if (found := digest(path, algorithm)) != expected:
        if path.suffix == ".part":
            path.unlink()
        message = (
            f"{url}: its {algorithm.upper()} is {found}, the publisher says {expected}. It was not "
            "kept. Fetch it again; if that doesn't help, the publisher is replacing it right now."
        )
        raise StackError(message)


def _refusal(url: str, status: int) -> str:
    if status in _MISSING:
        return f"There is no {url} (HTTP {status}): not published, or not yet. Check MONTH."
    return f"{url} answered HTTP {status}. Try later."


def _offline(url: str, error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return (
        f"{url} cannot be reached ({reason}). Fetching needs the internet, or HTTPS_PROXY where a "
        "proxy leads there. Without it: make demo makes its own files."
    )


def _strong_etag(headers: Message) -> str:
    """The ETag, if it stands for the same bytes; a range may not be asked for by a weak one."""
    etag = headers.get("ETag") or ""
    return "" if etag.startswith("W/") else etag


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _etag_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.etag")


def _record(target: Path) -> Path:
    return target.with_name(f"{target.name}.fetched.json")
