"""The made-up releases: as published, the same every time, with the defects that they name."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from infra.local.samples.movies import ADDED, FEEDS, MOVIES, REMOVED, Answers, generate
from infra.local.samples.movies_titles import SPECIAL, Title
from infra.local.samples.sample import Batch, Sample

Records = list[list[str]]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample[Answers]:
    return generate(tmp_path_factory.mktemp("movies"))


def read(batch: Batch) -> Records:
    """Return the records of a batch's file, from the archive where it is one."""
    (file,) = batch.files
    content = file.path.read_bytes()
    if file.path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(f"ml-made-up/{batch.feed}.csv")
    header, *records = csv.reader(io.StringIO(content.decode(), newline=""))
    assert tuple(header) == FEEDS[batch.feed]
    return records


def good(batch: Batch) -> Records:
    """Return the records that have all fields and a rating that is one."""
    size = len(FEEDS[batch.feed])
    found = [it for it in read(batch) if len(it) == size and it[0] and it[1].strip()]
    if batch.feed == "ratings":
        allowed = {str(half / 2) for half in range(1, 11)}
        found = [it for it in found if it[2] in allowed and it[3].isdigit()]
    return found


def test_the_same_arguments_give_the_same_bytes(sample: Sample[Answers], tmp_path: Path) -> None:
    again = generate(tmp_path)
    assert again.answers == sample.answers
    files, repeated = ([f for b in s.batches for f in b.files] for s in (sample, again))
    assert [file.key for file in files] == [file.key for file in repeated]
    assert [f.path.read_bytes() for f in files] == [f.path.read_bytes() for f in repeated]


def test_files_lie_where_the_contract_looks(sample: Sample[Answers]) -> None:
    assert [file.key for batch in sample.batches for file in batch.files] == [
        *(f"raw/movies/{feed}/2018/08/{feed}.csv" for feed in FEEDS),
        *(f"raw/movies/{feed}/2018/09/ml-made-up.zip" for feed in FEEDS),
    ]


def test_rows_rejects_and_repeats_are_what_the_batches_say(sample: Sample[Answers]) -> None:
    for batch in sample.batches:
        assert batch.raw_rows == len(read(batch)), batch.feed
    assert {batch.feed: batch.rejected for batch in sample.batches} == {
        "movies": {"length": 1, "malformed": 1, "required": 1},
        "ratings": {"malformed": 2, "range": 2, "required": 1, "type": 2},
        "tags": {"length": 1, "required": 1},
        "links": {"required": 1, "type": 1},
    }
    first, second = sample.of_feed("ratings")
    for batch in (first, second):
        assert len(good(batch)) == batch.loaded_rows
        pairs = Counter((user, movie) for user, movie, *_ in good(batch))
        assert sum(count - 1 for count in pairs.values()) == batch.repeated == 5
    assert (first.fact_rows, first.superseded) == (0, first.loaded_rows - 5)
    assert (second.fact_rows, second.superseded) == (second.loaded_rows - 5, 0)
    assert all(batch.rejected_rows < 0.01 * batch.raw_rows for batch in sample.batches)


def test_the_later_release_numbers_its_users_anew(sample: Sample[Answers]) -> None:
    first, second = (
        {(user, movie) for user, movie, *_ in good(batch)} for batch in sample.of_feed("ratings")
    )
    users = [{int(user) for user, _ in pairs} for pairs in (first, second)]
    assert all(numbers == set(range(1, max(numbers) + 1)) for numbers in users)
    assert len(first & second) < 0.3 * len(second)
    for tags, rated in zip(sample.of_feed("tags"), (first, second), strict=True):
        assert {(user, movie) for user, movie, tag, _ in read(tags) if tag} <= rated


def test_movies_come_and_go_and_change(sample: Sample[Answers]) -> None:
    first, second = (
        {number: title for number, title, _ in good(batch)} for batch in sample.of_feed("movies")
    )
    assert len(second.keys() - first.keys()) >= ADDED
    assert len(first.keys() - second.keys()) >= REMOVED
    changed = [key for key in first.keys() & second.keys() if first[key] != second[key]]
    assert changed and all(", Restored" in second[key] for key in changed)
    assert any(title.endswith(" ") for title in second.values())
    assert any(not title.isascii() for title in second.values())


def test_answers_are_those_of_the_later_files(sample: Sample[Answers]) -> None:
    answers = sample.answers
    latest: dict[tuple[str, str], tuple[int, float]] = {}
    for user, movie, stars, at in good(sample.of_feed("ratings")[1]):
        latest[user, movie] = max(latest.get((user, movie), (0, 0.0)), (int(at), float(stars)))
    counted: dict[int, tuple[int, float]] = {}
    for (_, movie), (_, stars) in sorted(latest.items()):
        count, total = counted.get(int(movie), (0, 0.0))
        counted[int(movie)] = (count + 1, total + stars)
    assert answers.ratings == counted
    assert answers.favourites == {
        movie for movie, (count, total) in counted.items() if count >= 20 and total / count > 4
    }
    assert len(answers.favourites) >= 5
    listed = {int(number) for number, title, _ in good(sample.of_feed("movies")[1])}
    assert answers.titles.keys() == listed - {900_001}
    assert answers.unlisted == counted.keys() - listed
    assert len(answers.unlisted) == 1
    assert sum(answers.genres.values()) > len(listed) > MOVIES - REMOVED - 5
    assert answers.versions > len(listed)


def test_titles_are_written_as_published_and_said_as_people_say_them() -> None:
    title = Title("Postman", article="The", other="Postino, Il", years="1994")
    assert title.published == "Postman, The (Postino, Il) (1994)"
    assert (title.spoken, title.year) == ("The Postman (Postino, Il)", 1994)
    assert Title("Été sans fin", article="L'").spoken == "L'Été sans fin"
    assert [title.year for title in SPECIAL] == [1999, 2009, 1974, 2006, 2005, None, None]
