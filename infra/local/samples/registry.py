"""Which sources have a generated sample: one line per source."""

from __future__ import annotations

from collections.abc import Mapping

from infra.local.samples import bikeshare, immigration, movies, taxi
from infra.local.samples.sample import SampleSource

_SOURCES: tuple[SampleSource, ...] = (bikeshare, immigration, movies, taxi)
ALL = "all"
"""What stands for every source on the command line."""

SOURCES: Mapping[str, SampleSource] = {source.SOURCE: source for source in _SOURCES}


def chosen(name: str) -> tuple[SampleSource, ...]:
    """The source of that name, or all of them for ``all``; raises KeyError for other names."""
    return _SOURCES if name == ALL else (SOURCES[name],)
