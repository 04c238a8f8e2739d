"""Two releases of a made-up MovieLens: files as published, with labelled defects.

Nothing is copied from real data. The second release is what a later one is: other numbers for the
same users, corrected titles and genres, movies gone and movies new.
"""

from __future__ import annotations

import csv
import io
import random
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from infra.local.samples.movies_titles import Movie, invent_genres, invent_movies
from infra.local.samples.sample import Batch, Sample, SampleFile

SOURCE = "movies"
FIRST, LAST = date(2018, 8, 1), date(2018, 9, 30)
QUESTION = ("Titles rated above four stars", "movies_top_rated.sql")
SEED = 1995
MOVIES, USERS = 400, 160
MIN_RATINGS = 20
"""What the mart asks of a title to be a favourite: the var `movies_min_ratings`."""
RETITLED, REGENRED, REMOVED, ADDED = 5, 4, 6, 8
FEEDS: Mapping[str, tuple[str, ...]] = {
    "movies": ("movieId", "title", "genres"),
    "ratings": ("userId", "movieId", "rating", "timestamp"),
    "tags": ("userId", "movieId", "tag", "timestamp"),
    "links": ("movieId", "imdbId", "tmdbId"),
}

_HALVES_SINCE = int(datetime(2003, 2, 18, tzinfo=UTC).timestamp())
_TAGS = (
    "slow", "Slow", "visually stunning", "based on a book", 'so-called "classic"', "soirée",
    "über", "twist, and another", "夜", "must see", "überraschend", "sad ending",
)  # fmt: skip
Record = list[str]


@dataclass(frozen=True)
class Answers:
    """What the marts must say once both releases are loaded, of the second alone.

    ``ratings`` is count and sum of stars by movie, ``unlisted`` the movies that are rated without
    being in the list, ``versions`` the rows of the movies' history.
    """

    titles: Mapping[int, str]
    years: Mapping[int, int | None]
    genres: Mapping[str, int]
    ratings: Mapping[int, tuple[int, float]]
    favourites: frozenset[int]
    unlisted: frozenset[int]
    versions: int


@dataclass
class _Release:
    """One release while its files are made: records by feed, and what becomes of them."""

    first: date
    movies: Sequence[Movie]
    records: dict[str, list[Record]]
    rejected: dict[str, Counter[str]]
    repeated: Counter[str]
    stars: dict[int, list[float]]
    unlisted: int

    @property
    def batch_id(self) -> str:
        return f"{self.first:%Y%m%d}T000000"


def generate(
    out: Path, movies: int = MOVIES, users: int = USERS, seed: int = SEED
) -> Sample[Answers]:
    """Write both releases below ``out``, by S3 key; the same arguments give the same bytes.

    The first lies there as text files, the second as the publisher's archive, one for each feed.
    """
    rng = random.Random(seed)  # noqa: S311  (sample data, no secret)
    listed = invent_movies(rng, movies)
    kept, later = listed[: movies - ADDED], _next_release(rng, listed)
    people = [rng.gauss(0, 0.4) for _ in range(users)]
    first = _make(rng, FIRST, kept, people[: users - users // 10])
    second = _make(rng, LAST.replace(day=1), later, people[users // 10 :])
    batches = [*_write_texts(out, first), *_write_archive(out, second)]
    return Sample(tuple(batches), _answers(first, second))


def _next_release(rng: random.Random, movies: Sequence[Movie]) -> list[Movie]:
    """Change titles and genres of some movies, and leave some out; the last are new."""
    chosen = rng.sample(range(30, len(movies) - ADDED), RETITLED + REGENRED + REMOVED)
    found = list(movies)
    for at in chosen[:RETITLED]:
        title = found[at].title
        found[at] = replace(found[at], title=replace(title, main=f"{title.main}, Restored"))
    for at in chosen[RETITLED : RETITLED + REGENRED]:
        genres = found[at].genres
        while genres == found[at].genres:
            genres = invent_genres(rng)
        found[at] = replace(found[at], genres=genres)
    gone = {movies[at].id for at in chosen[RETITLED + REGENRED :]}
    return [movie for movie in found if movie.id not in gone]


def _make(
    rng: random.Random, first: date, movies: Sequence[Movie], people: Sequence[float]
) -> _Release:
    """Let people rate and tag, each under a number drawn for this release; add the defects."""
    made = _Release(
        first=first,
        movies=movies,
        records={feed: [] for feed in FEEDS},
        rejected={feed: Counter() for feed in FEEDS},
        repeated=Counter(),
        stars={},
        unlisted=movies[20].id,
    )
    for movie in movies:
        made.records["movies"].append([str(movie.id), movie.title.published, movie.genre_text])
        tmdb = "" if movie.tmdb is None else str(movie.tmdb)
        made.records["links"].append([str(movie.id), movie.imdb, tmdb])
    numbers = rng.sample(range(1, len(people) + 1), len(people))
    start, end = (int(datetime(year, 3, 1, tzinfo=UTC).timestamp()) for year in (1996, 2018))
    pulls = [movie.pull for movie in movies]
    for number, mood in sorted(zip(numbers, people, strict=True)):
        seen = {movie.id: movie for movie in rng.choices(movies, pulls, k=rng.randrange(30, 120))}
        for movie in sorted(seen.values(), key=lambda movie: movie.id):
            at = rng.randrange(start, end)
            step = 2 if at >= _HALVES_SINCE else 1
            stars = min(max(round(rng.gauss(movie.quality + mood, 0.7) * step) / step, 1 / step), 5)
            made.records["ratings"].append([str(number), str(movie.id), f"{stars:.1f}", str(at)])
            made.stars.setdefault(movie.id, []).append(stars)
            if rng.random() < 0.04:
                tag = rng.choice(_TAGS)
                made.records["tags"].append([str(number), str(movie.id), tag, str(at + 60)])
    _spoil(rng, made)
    return made


def _spoil(rng: random.Random, made: _Release) -> None:
    """Break some records by one rule each, and repeat some that count once."""
    movies, ratings, tags, links = (made.records[feed] for feed in FEEDS)
    # A trailing blank is no defect: people type it.
    movies[7][1] += " "
    # A title is missing: the movie is known by its ratings only.
    movies[20] = [movies[20][0], " ", movies[20][2]]
    movies += [["900001", "Ж" * 301, "Drama"], ["900002", "Unquoted", " Comma (1990)", "Drama"]]
    movies.append(list(movies[3]))
    made.rejected["movies"] += Counter(required=1, length=1, malformed=1)
    made.repeated["movies"] += 1

    whole = len(ratings)
    user = str(len(made.movies) + 1000)  # nobody's number: what is broken is in no mean
    for broken, rule in (
        ([user, "1", "0.0", "900000000"], "range"),
        ([user, "1", "5.5", "900000000"], "range"),
        ([user, "1", "five", "900000000"], "type"),
        ([user, "1", "4.0", "yesterday"], "type"),
        ([user, "", "4.0", "900000000"], "required"),
        ([user, "1", "4,0", "900000000", "x"], "malformed"),
        ([user, "1"], "malformed"),
    ):
        ratings.insert(rng.randrange(whole), broken)
        made.rejected["ratings"][rule] += 1
    for record in rng.sample([it for it in ratings if it[0] != user], 5):
        # An older vote of the same user for the same movie: the later counts.
        ratings.append([record[0], record[1], "0.5", str(int(record[3]) - 86_400)])
        made.repeated["ratings"] += 1

    tags.append([tags[0][0], tags[0][1], "", "900000000"])
    tags.append([tags[0][0], tags[0][1], "é" * 1001, "900000000"])
    tags.append([*tags[0][:3], str(int(tags[0][3]) + 9)])
    made.rejected["tags"] += Counter(required=1, length=1)
    made.repeated["tags"] += 1
    links.append(["900001", "0000001", "n/a"])
    links.append(["", "0000002", "2"])
    made.rejected["links"] += Counter(type=1, required=1)


def _write_texts(out: Path, made: _Release) -> list[Batch]:
    """Write a release as text files; the later one will supersede all of its rows."""
    return [
        _batch(made, feed, _write(out, made, feed, f"{feed}.csv", _text(made, feed)), last=False)
        for feed in FEEDS
    ]


def _write_archive(out: Path, made: _Release) -> list[Batch]:
    """Write a release as one archive of all its files, as it is published, for every feed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [
            ("README.txt", b"Made up.\n"),
            *((f"{feed}.csv", _text(made, feed)) for feed in FEEDS),
        ]:
            entry = zipfile.ZipInfo(f"ml-made-up/{name}", (2018, 9, 26, 0, 0, 0))
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    content = packed.getvalue()
    return [
        _batch(made, feed, _write(out, made, feed, "ml-made-up.zip", content), last=True)
        for feed in FEEDS
    ]


def _text(made: _Release, feed: str) -> bytes:
    """The file of a feed: quoted where needed; the unquoted comma among the defects stays so."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FEEDS[feed])
    writer.writerows(made.records[feed])
    return text.getvalue().encode()


def _write(out: Path, made: _Release, feed: str, name: str, content: bytes) -> SampleFile:
    key = f"raw/{SOURCE}/{feed}/{made.first:%Y/%m}/{name}"
    path = out / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return SampleFile(key, path)


def _batch(made: _Release, feed: str, file: SampleFile, *, last: bool) -> Batch:
    rows, rejected = len(made.records[feed]), made.rejected[feed]
    repeated = made.repeated[feed]
    return Batch(
        source=SOURCE,
        feed=feed,
        batch_id=made.batch_id,
        files=(file,),
        raw_rows=rows,
        rejected=dict(sorted(rejected.items())),
        repeated=repeated,
        superseded=0 if last else rows - rejected.total() - repeated,
    )


def _answers(first: _Release, second: _Release) -> Answers:
    listed = [movie for movie in second.movies if movie.id != second.unlisted]
    before = {movie.id: movie for movie in first.movies if movie.id != first.unlisted}
    same = sum(
        it.id in before and (before[it.id].title, before[it.id].genres) == (it.title, it.genres)
        for it in listed
    )
    return Answers(
        titles={movie.id: movie.title.spoken for movie in listed},
        years={movie.id: movie.title.year for movie in listed},
        genres=Counter(genre for movie in listed for genre in movie.genres or ("No genre listed",)),
        ratings={movie: (len(stars), sum(stars)) for movie, stars in sorted(second.stars.items())},
        favourites=frozenset(
            movie
            for movie, stars in second.stars.items()
            if len(stars) >= MIN_RATINGS and sum(stars) > 4 * len(stars)
        ),
        unlisted=frozenset({second.unlisted} & second.stars.keys()),
        versions=len(before) + len(listed) - same,
    )
