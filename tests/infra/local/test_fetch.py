"""Fetching from publishers, against a real HTTP server that can break off, refuse and change."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.local import publishers
from infra.local.config import Config
from infra.local.download import digest, download
from infra.local.errors import StackError
from infra.local.fetch import fetch, key_pattern
from infra.local.publishers import Publication

CONTENT = bytes(range(256)) * 4096  # one MiB
MONTH = date(2021, 9, 1)


def quiet(_: str) -> None:
    """Say nothing."""


@dataclass
class Publisher:
    """What the server has, what it was asked for, and how it fails."""

    files: dict[str, bytes] = field(default_factory=dict)
    breaks_after: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    etags: bool = True
    port: int = 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    served = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range") or self.headers.get("If-None-Match") or ""
            served.asked.append((self.path, asked))
            content = served.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
            if self.headers.get("If-None-Match") == etag:
                self.send_response(304)
                self.end_headers()
                return
            first = 0
            if (asked := self.headers.get("Range")) and self.headers.get("If-Range") == etag:
                first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
            body = content[first:]
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(body)))
            if served.etags:
                self.send_header("ETag", etag)
            self.end_headers()
            end = served.breaks_after.pop(0) if served.breaks_after else len(body)
            self.wfile.write(body[:end])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_comes_with_its_checksum_and_is_not_fetched_twice(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.files["a.bin"] = CONTENT
    said: list[str] = []
    fetched = download(publisher.url("a.bin"), tmp_path / "a.bin", said.append)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert (fetched.size, fetched.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "a.bin.fetched.json"]
    assert download(publisher.url("a.bin"), tmp_path / "a.bin", said.append) == fetched
    assert [asked for _, asked in publisher.asked] == ["", fetched.etag]
    assert said == ["  receiving 1.0 MB", "  unchanged since it was fetched"]


def test_a_changed_or_damaged_file_is_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["a.bin"] = CONTENT
    target = tmp_path / "a.bin"
    download(publisher.url("a.bin"), target, quiet)
    publisher.files["a.bin"] = b"corrected"
    said: list[str] = []
    download(publisher.url("a.bin"), target, said.append)
    assert target.read_bytes() == b"corrected"
    assert any(line.startswith("  the publisher has changed it: SHA-256 was ") for line in said)
    target.write_bytes(b"scribbled")
    download(publisher.url("a.bin"), target, quiet)
    assert target.read_bytes() == b"corrected"
    assert publisher.asked[-1] == ("/a.bin", "")


def test_a_broken_connection_goes_on_where_it_stopped(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["a.bin"] = CONTENT
    publisher.breaks_after = [300_000, 400_000]
    said: list[str] = []
    download(publisher.url("a.bin"), tmp_path / "a.bin", said.append)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    asked = [asked for _, asked in publisher.asked]
    assert asked == ["", "bytes=300000-", "bytes=700000-"]
    assert "  going on at 0.3 MB" in said


def test_what_arrived_is_kept_for_the_next_command(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["a.bin"] = CONTENT
    publisher.breaks_after = [100_000] * 3
    with pytest.raises(StackError, match=r"arrived\. What has arrived is kept"):
        download(publisher.url("a.bin"), tmp_path / "a.bin", quiet)
    assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "a.bin.part").stat().st_size == 300_000
    download(publisher.url("a.bin"), tmp_path / "a.bin", quiet)
    assert publisher.asked[-1] == ("/a.bin", "bytes=300000-")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_begun_anew(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["a.bin"] = CONTENT
    publisher.breaks_after = [100_000] * 3
    with pytest.raises(StackError):
        download(publisher.url("a.bin"), tmp_path / "a.bin", quiet)
    publisher.files["a.bin"] = b"new" * 200_000
    download(publisher.url("a.bin"), tmp_path / "a.bin", quiet)
    assert (tmp_path / "a.bin").read_bytes() == b"new" * 200_000


def test_without_an_etag_nothing_is_resumed(publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["a.bin"] = CONTENT
    publisher.etags = False
    publisher.breaks_after = [100_000]
    download(publisher.url("a.bin"), tmp_path / "a.bin", quiet)
    assert [asked for _, asked in publisher.asked] == ["", ""]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_the_publishers_checksum_counts(
    publisher: Publisher, tmp_path: Path, algorithm: str
) -> None:
    publisher.files["a.bin"] = CONTENT
    right = hashlib.new(algorithm, CONTENT).hexdigest()
    publisher.files["a.sum"] = f"{algorithm.upper()} (a.bin) = {right}\n".encode()
    target, url = tmp_path / "a.bin", publisher.url("a.bin")
    download(url, target, quiet, publisher.url("a.sum"))
    assert digest(target, algorithm) == right
    publisher.files["a.bin"] = b"tampered with"
    with pytest.raises(StackError, match=f"the publisher says {right}. It was not kept"):
        download(url, target, quiet, publisher.url("a.sum"))
    assert target.read_bytes() == CONTENT
    assert not (tmp_path / "a.bin.part").exists()
    publisher.files["a.sum"] = b"<html>no checksum</html>"
    with pytest.raises(StackError, match="holds no MD5 or SHA-256 checksum"):
        download(url, target, quiet, publisher.url("a.sum"))


def test_missing_files_and_no_network_say_what_to_do(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"There is no .*202109.zip \(HTTP 404\).*Check MONTH"):
        download(publisher.url("202109.zip"), tmp_path / "a.zip", quiet)
    with pytest.raises(StackError, match=r"cannot be reached.*Without it: make demo"):
        download("http://127.0.0.1:1/a.zip", tmp_path / "a.zip", quiet)
    with pytest.raises(StackError, match="is no https address"):
        download("ftp://127.0.0.1/a.zip", tmp_path / "a.zip", quiet)
    assert list(tmp_path.iterdir()) == []


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def config(tmp_path: Path, manifest: Path) -> Config:
    made = Config.load({"STARLIFT_STATE": str(tmp_path / "state")})
    made.manifest.parent.mkdir(parents=True)
    shutil.copy(manifest, made.manifest)
    return made


def test_an_archive_is_unpacked_to_where_the_contract_looks(
    publisher: Publisher, config: Config, tmp_path: Path
) -> None:
    publisher.files["202109-divvy-tripdata.zip"] = archive(
        **{"202109-divvy-tripdata.csv": b"ride_id\n1\n", "__MACOSX/._202109.csv": b"junk"}
    )
    known = {
        "bikeshare": {
            "trips": [
                Publication(url=publisher.url("{yyyy}{MM}-divvy-tripdata.zip"), unpack="*.csv")
            ],
            "stations": [Publication(by_hand="Put one to {key}.")],
        }
    }
    said: list[str] = []
    lake = tmp_path / "lake"
    assert fetch(config, known, "bikeshare", MONTH, said.append, lake) == 1
    files = [path for path in lake.rglob("*") if path.is_file()]
    (file,) = files
    assert file == lake / "raw/bikeshare/trips/2021/09/202109-divvy-tripdata.csv"
    assert file.read_bytes() == b"ride_id\n1\n"
    assert "bikeshare.stations: Put one to raw/bikeshare/stations/2021/09/*.csv." in said
    publisher.files["202109-divvy-tripdata.zip"] = archive(**{"readme.txt": b"moved"})
    with pytest.raises(StackError, match=r"holds no \*\.csv"):
        fetch(config, known, "bikeshare", MONTH, said.append, lake)
    publisher.files["202109-divvy-tripdata.zip"] = b"<html>"
    with pytest.raises(StackError, match="no zip archive"):
        fetch(config, known, "bikeshare", MONTH, said.append, lake)


def test_a_name_that_the_contract_would_not_see_is_refused(
    publisher: Publisher, config: Config, tmp_path: Path
) -> None:
    publisher.files["trips.txt"] = b"ride_id\n"
    known = {"bikeshare": {"trips": [Publication(url=publisher.url("trips.txt"))]}}
    with pytest.raises(StackError, match=r"looks for raw/bikeshare/trips/2021/09/\*\.csv"):
        fetch(config, known, "bikeshare", MONTH, quiet, tmp_path / "lake")


def test_addresses_are_known_for_every_feed_and_lead_where_the_contract_looks(
    manifest: Path,
) -> None:
    known = publishers.load()
    sources = json.loads(manifest.read_text(encoding="utf-8"))["sources"].values()
    feeds = [(s["source_name"], s["name"]) for s in sources if "files" in s["config"]["meta"]]
    assert feeds
    for source, feed in feeds:
        assert known.get(source, {}).get(feed), f"publishers.toml says nothing of {source}.{feed}"
        for publication in known[source][feed]:
            assert bool(publication.url) != bool(publication.by_hand), (source, feed)
            assert publication.url.startswith("https://") or publication.by_hand
        key_pattern(manifest, source, feed, MONTH)
    (trips,) = (p for p in known["bikeshare"]["trips"] if p.holds(MONTH))
    assert trips.address(MONTH).endswith("/202109-divvy-tripdata.zip")
    (taxi,) = (p for p in known["taxi"]["trips"] if p.holds(MONTH))
    assert taxi.file_name(MONTH) == "green_tripdata_2021-09.parquet"


def test_a_month_has_one_address() -> None:
    known = publishers.load()
    for source, feeds in known.items():
        for feed, publications in feeds.items():
            for year in range(2013, 2027):
                for month in range(1, 13):
                    holding = [p for p in publications if p.holds(date(year, month, 1))]
                    assert len(holding) <= 1, (source, feed, year, month)
    quarterly = publishers.of_month(known, "bikeshare", date(2019, 10, 1))["trips"]
    assert quarterly.address(date(2019, 10, 1)).endswith("/Divvy_Trips_2019_Q4.zip")
    with pytest.raises(StackError, match="MONTH=2019-10"):
        quarterly.address(date(2019, 12, 1))
    with pytest.raises(StackError, match="Known: bikeshare, immigration, movies, taxi"):
        publishers.of_month(known, "weather", MONTH)
    with pytest.raises(StackError, match="published nothing for 1999-01"):
        publishers.of_month(
            {"taxi": {"trips": [Publication(first="2013-08")]}}, "taxi", date(1999, 1, 1)
        )


def test_i94_has_no_download_and_says_so() -> None:
    arrivals = publishers.of_month(publishers.load(), "immigration", MONTH)["arrivals"]
    assert not arrivals.url
    assert "Nobody publishes I-94 arrivals" in arrivals.by_hand
