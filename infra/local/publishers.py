"""Which file of a publisher holds a feed's month: `publishers.toml`, read and checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

from infra.local.errors import StackError

PUBLISHERS = Path(__file__).with_name("publishers.toml")
_EARLIEST, _LATEST = "0001-01", "9999-12"
_QUARTER = "quarter"


@dataclass(frozen=True)
class Publication:
    """How the months of one feed are published for some time; texts as `publishers.toml` says."""

    url: str = ""
    first: str = _EARLIEST
    last: str = _LATEST
    every: str = "month"
    unpack: str = ""
    checksum: str = ""
    save_as: str = ""
    by_hand: str = ""

    def holds(self, month: date) -> bool:
        """Whether this is how that month is published."""
        return self.first <= f"{month:%Y-%m}" <= self.last

    def address(self, month: date) -> str:
        """The month's address; raises StackError for a month inside a file of several."""
        quarter = (month.month - 1) // 3 + 1
        if self.every == _QUARTER and month.month % 3 != 1:
            first = month.replace(month=3 * quarter - 2)
            message = (
                f"{month:%Y-%m} is in a file of three months: fetch it with MONTH={first:%Y-%m}."
            )
            raise StackError(message)
        texts = {"yyyy": f"{month:%Y}", "MM": f"{month:%m}", "Q": str(quarter)}
        address = self.url
        for name, text in texts.items():
            address = address.replace(f"{{{name}}}", text)
        return address

    def file_name(self, month: date) -> str:
        """Name under which the published file is kept."""
        return self.save_as or unquote(urlsplit(self.address(month)).path.rsplit("/", 1)[-1])


Publishers = dict[str, dict[str, list[Publication]]]


def load(path: Path = PUBLISHERS) -> Publishers:
    """Read the addresses by source and feed; raises TypeError for a key that is none."""
    with path.open("rb") as file:
        content = tomllib.load(file)
    return {
        source: {
            feed: [Publication(**entry) for entry in entries] for feed, entries in feeds.items()
        }
        for source, feeds in content.items()
    }


def of_month(publishers: Publishers, source: str, month: date) -> dict[str, Publication]:
    """How each feed of a source is published for a month; feeds without such a month are left out.

    Raises StackError when nothing is known of the source or of the month.
    """
    if source not in publishers:
        message = f"No publisher is known for {source!r}. Known: {', '.join(sorted(publishers))}."
        raise StackError(message)
    found = {
        feed: publication
        for feed, publications in publishers[source].items()
        for publication in publications
        if publication.holds(month)
    }
    if not found:
        message = f"{source} has published nothing for {month:%Y-%m}."
        raise StackError(message)
    return found
