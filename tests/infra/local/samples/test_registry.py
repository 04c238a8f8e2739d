"""Every source that has a sample keeps what the demonstration builds on."""

from __future__ import annotations

import pytest

from infra.local.answers import QUERIES
from infra.local.samples import registry
from infra.local.samples.sample import SampleSource

SOURCES = [pytest.param(source, id=name) for name, source in registry.SOURCES.items()]


def test_sources_are_found_by_name_and_all_together() -> None:
    assert [source.SOURCE for source in registry.chosen("bikeshare")] == ["bikeshare"]
    assert list(registry.chosen(registry.ALL)) == list(registry.SOURCES.values())
    with pytest.raises(KeyError):
        registry.chosen("weather")


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_says_its_days_and_its_question(source: SampleSource) -> None:
    assert source.FIRST <= source.LAST
    title, file = source.QUESTION
    assert title
    assert "%s" not in (QUERIES / file).read_text(encoding="utf-8")
