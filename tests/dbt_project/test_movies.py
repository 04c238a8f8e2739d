"""Releases of MovieLens from file to mart: a made-up pair, a late one, and the real one.

The real files are looked for in ../shared/data beside the checkout; without them that part is
skipped. All stand in one warehouse, one after the other, as releases do.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.local.samples.movies import FEEDS, Answers, generate
from infra.local.samples.sample import Sample
from tests.dbt_project.full_refresh import assert_equal_to_full_refresh
from tests.dbt_project.whole_way import Way, whole_way

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[3] / "shared" / "data" / "movielens"
JULY, AUGUST, SEPTEMBER, OCTOBER = (datetime(2018, month, 1, tzinfo=UTC) for month in range(7, 11))
BUILD = (
    *("--select", "tag:movies", "dim_date", "ops_movies_rows"),
    *("--indirect-selection", "cautious"),
)
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
FACTS = ("fct_ratings", "fct_tags")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample[Answers]:
    return generate(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def movies(
    tmp_path_factory: pytest.TempPathFactory, manifest: Path, sample: Sample[Answers]
) -> Iterator[Way]:
    """The raw files are there; nothing is loaded."""
    with whole_way(tmp_path_factory.mktemp("movies"), manifest, "movies") as way:
        for batch in sample.batches:
            for file in batch.files:
                way.put(file.key, file.path)
        yield way


@pytest.fixture(scope="module")
def built(movies: Way) -> Way:
    """Both made-up releases loaded, each transformed before the next."""
    for start, more in ((AUGUST, ()), (SEPTEMBER, NO_UNIT_TESTS)):
        for feed in FEEDS:
            movies.take(feed, start)
        movies.warehouse.built("build", *BUILD, *more)
    return movies


def raw(way: Way, key: str) -> Path:
    """Where a raw file of the lake lies."""
    return way.stack.config.s3 / way.stack.config.lake_bucket / "raw" / "movies" / key


def table(source: Way, name: str) -> list[list[Any]]:
    """Everything in a table, in an order that is the same for the same rows."""
    return sorted(source.warehouse.rows(f"select * from {name}"), key=repr)


def tables(source: Way) -> dict[str, list[list[Any]]]:
    names = [f"marts.{name}" for name in (*FACTS, "movie_history", "dim_movie")]
    return {name: table(source, name) for name in names}


def test_every_row_of_both_releases_is_where_the_generator_says(
    built: Way, sample: Sample[Answers]
) -> None:
    found = built.warehouse.rows(
        "select feed, batch_id, staged_rows, repeated_rows, superseded_rows, fact_rows "
        "from ops.ops_movies_rows order by 1, 2"
    )
    expected = []
    for batch in sorted(sample.batches, key=lambda batch: (batch.feed, batch.batch_id)):
        fate: list[int | None] = [batch.repeated, batch.superseded, batch.fact_rows]
        if batch.feed == "links":
            later = batch.batch_id.startswith("201809")
            fate = [None, 0 if later else batch.loaded_rows, None]
        expected.append([batch.feed, batch.batch_id, batch.loaded_rows, *fate])
    assert found == expected
    rules = built.warehouse.rows(
        "select feed, batch_id, rule, sum(rejected_rows) from ops.load_rejects group by 1, 2, 3"
    )
    assert {(feed, batch, rule): int(rows) for feed, batch, rule, rows in rules} == {
        (batch.feed, batch.batch_id, rule): rows
        for batch in sample.batches
        for rule, rows in batch.rejected.items()
    }


def test_the_marts_say_what_the_generator_knows_of_the_later_release(
    built: Way, sample: Sample[Answers]
) -> None:
    rows, answers = built.warehouse.rows, sample.answers
    listed = rows("select movie_id, title, release_year from marts.dim_movie where is_listed")
    assert {number: title for number, title, _ in listed} == answers.titles
    assert {number: year for number, _, year in listed} == answers.years
    unlisted = rows("select movie_id, title from marts.dim_movie where not is_listed")
    assert unlisted == [[number, f"Movie {number}"] for number in sorted(answers.unlisted)]
    found = rows(
        "select movie_id, rating_count, rating_total, is_rated_above_four "
        "from marts.agg_movie_ratings as ratings inner join marts.dim_movie as movies "
        "on ratings.movie_key = movies.movie_key"
    )
    assert {number: (count, float(total)) for number, count, total, _ in found} == answers.ratings
    assert {number for number, *_, favourite in found if favourite} == answers.favourites
    genres = rows(
        "select genre_name, count(*) from marts.bridge_movie_genre as genres "
        "inner join marts.dim_movie as movies on genres.movie_key = movies.movie_key "
        "where is_listed group by genre_name"
    )
    assert {genre: int(count) for genre, count in genres} == answers.genres
    users = rows(
        "select count(distinct release_user_id), count(distinct user_id) from marts.fct_ratings"
    )
    assert users == [[144, 144]]


def test_history_follows_titles_and_genres_in_the_releases_own_time(
    built: Way, sample: Sample[Answers]
) -> None:
    rows = built.warehouse.rows
    assert rows("select count(*) from marts.movie_history") == [[sample.answers.versions]]
    spans = rows(
        "select valid_from::date, valid_to::date, count(*) from marts.movie_history "
        "group by 1, 2 order by 1, 2"
    )
    august, september = date(2018, 8, 1), date(2018, 9, 1)
    assert [span[:2] for span in spans] == [
        [august, september],
        [august, None],
        [september, None],
    ]
    open_now = rows(
        "select movie_id, published_title from marts.movie_history where valid_to is null"
    )
    assert {number for number, _ in open_now} == sample.answers.titles.keys()
    before = rows(
        "select old.published_title, new.published_title from marts.movie_history as old "
        "inner join marts.movie_history as new on old.movie_id = new.movie_id "
        "and old.valid_to = new.valid_from where old.published_title <> new.published_title"
    )
    assert len(before) == 5
    assert all(", Restored" in new and ", Restored" not in old for old, new in before)


def test_a_late_older_release_changes_nothing_downstream(built: Way) -> None:
    before = tables(built)
    for feed in FEEDS:
        august = raw(built, f"{feed}/2018/08/{feed}.csv")
        built.put(f"raw/movies/{feed}/2018/07/{feed}.csv", august)
        built.take(feed, JULY)
    built.warehouse.built("run", "--select", "tag:movies")
    built.warehouse.built("snapshot", "--select", "movie_history")
    assert tables(built) == before
    ledger = built.warehouse.rows(
        "select batch_id, status from ops.load_ledger where feed = 'ratings' order by 1"
    )
    assert ledger == [
        ["20180701T000000", "retired"],
        ["20180801T000000", "loaded"],
        ["20180901T000000", "loaded"],
    ]


def test_the_facts_equal_their_full_refresh(built: Way, manifest: Path) -> None:
    before = tables(built)
    built.warehouse.built("run", "--select", *FACTS)
    assert tables(built) == before
    assert_equal_to_full_refresh(built.warehouse, manifest, "movies")


def test_a_release_that_is_corrected_replaces_itself(built: Way) -> None:
    """Its own versions in history too: what it said first was never true."""
    before = tables(built)
    archive = raw(built, "movies/2018/09/ml-made-up.zip")
    kept = archive.read_bytes()
    with zipfile.ZipFile(io.BytesIO(kept)) as packed:
        lines = packed.read("ml-made-up/movies.csv").decode().splitlines(keepends=True)
    number = lines[40].split(",")[0]
    lines[40] = f"{number},Corrected (1999),War\n"
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as packed:
        packed.writestr("ml-made-up/movies.csv", "".join(lines))
    for content, title in ((changed.getvalue(), "Corrected"), (kept, None)):
        archive.write_bytes(content)
        built.take("movies", SEPTEMBER)
        built.warehouse.built("run", "--select", "dim_movie")
        built.warehouse.built("snapshot", "--select", "movie_history")
        open_now = built.warehouse.rows(
            "select published_title from marts.movie_history "
            f"where movie_id = {number} and valid_to is null"
        )
        assert len(open_now) == 1
        assert (open_now == [["Corrected (1999)"]]) == (title is not None)
    versions = "select movie_id, published_title, genres, valid_to from marts.movie_history"
    again = built.warehouse.rows(f"{versions} where movie_id <> {number}")
    marts = before["marts.movie_history"]
    assert len(again) == len([row for row in marts if row[0] != int(number)])
    built.warehouse.built("test", "--select", "movie_history")


def test_history_refuses_to_go_back(built: Way) -> None:
    """A release taken out by hand shows the one before; history knows better."""
    built.warehouse.execute(
        "update ops.load_ledger set status = 'withdrawn' "
        "where feed = 'movies' and batch_id = '20180901T000000'"
    )
    before = table(built, "marts.movie_history")
    result = built.warehouse.dbt("snapshot", "--select", "movie_history")
    assert not result.success
    assert "knows the batch of 2018-09-01" in str(result.result.results[0].message)
    assert table(built, "marts.movie_history") == before
    built.warehouse.execute(
        "update ops.load_ledger set status = 'loaded' where status = 'withdrawn'"
    )


def test_only_feeds_that_say_so_have_a_latest_batch(built: Way) -> None:
    for source, feed, known in (("movies", "links", True), ("bikeshare", "trips", False)):
        asked = f"{{source_name: {source}, feed: {feed}}}"
        result = built.warehouse.dbt("run-operation", "latest_batch", "--args", asked)
        assert result.success == known, feed


@pytest.fixture(scope="module")
def real(built: Way, tmp_path_factory: pytest.TempPathFactory) -> Way:
    """The real release, as its archive, after the made-up ones."""
    if not DATA.is_dir():
        pytest.skip(f"public data sets are not there: {DATA}")
    packed = tmp_path_factory.mktemp("real") / "ml-latest-small.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(DATA.iterdir()):
            archive.write(path, f"ml-latest-small/{path.name}")
    for feed in FEEDS:
        built.put(f"raw/movies/{feed}/2018/10/{packed.name}", packed)
        report = built.take(feed, OCTOBER)
        assert report is not None
        assert (report.files, report.rejected_rows) == (1, 0), feed
    built.warehouse.built("build", *BUILD, *NO_UNIT_TESTS)
    return built


def published(feed: str) -> list[dict[str, str]]:
    with (DATA / f"{feed}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_real_release_is_counted_as_its_files_are(real: Way) -> None:
    rows = real.warehouse.rows
    counts = {name: rows(f"select count(*) from marts.{name}")[0][0] for name in FACTS}
    assert counts == {"fct_ratings": 100_836, "fct_tags": 3683}
    assert rows("select count(*), count(distinct movie_id) from marts.dim_movie") == [[9742, 9742]]
    stars: dict[int, list[Decimal]] = {}
    for record in published("ratings"):
        stars.setdefault(int(record["movieId"]), []).append(Decimal(record["rating"]))
    found = rows(
        "select movie_id, rating_count, mean_rating, is_rated_above_four "
        "from marts.agg_movie_ratings as ratings inner join marts.dim_movie as movies "
        "on ratings.movie_key = movies.movie_key"
    )
    assert {number: (count, mean) for number, count, mean, _ in found} == {
        number: (len(given), (sum(given) / len(given)).quantize(Decimal("0.0001"), ROUND_HALF_UP))
        for number, given in stars.items()
    }
    favourites = {
        n for n, given in stars.items() if len(given) >= 20 and sum(given) > 4 * len(given)
    }
    assert {number for number, *_, above in found if above} == favourites
    assert len(favourites) > 50
    last = rows(
        "select min(rated_at), max(rated_at), count(distinct release_user_id) "
        "from marts.fct_ratings"
    )
    times = [int(record["timestamp"]) for record in published("ratings")]
    ends = [datetime.fromtimestamp(at, UTC).replace(tzinfo=None) for at in (min(times), max(times))]
    assert last == [[*ends, 610]]


def test_the_real_titles_years_genres_and_links(real: Way) -> None:
    raw = {int(record["movieId"]): record for record in published("movies")}
    links = {int(record["movieId"]): record for record in published("links")}
    found = real.warehouse.rows(
        "select movie_id, title, sort_title, published_title, release_year, end_year, imdb_id, "
        "tmdb_id from marts.dim_movie"
    )
    assert len(found) == len(raw)
    for number, title, sort_title, as_published, year, end_year, imdb, tmdb in found:
        text = raw[number]["title"].strip()
        assert as_published == text
        years = re.search(r"\((\d{4})(?:\D(\d{4})?)?\s*\)$", text)
        assert (year, end_year) == (
            (int(years[1]), int(years[2]) if years[2] else None) if years else (None, None)
        ), text
        assert sort_title == (text[: years.start()].strip() if years else text)
        assert Counter(re.findall(r"\w+", title)) == Counter(re.findall(r"\w+", sort_title)), title
        assert imdb == f"tt{links[number]['imdbId']}"
        assert tmdb == (int(links[number]["tmdbId"]) if links[number]["tmdbId"] else None)
    titles = {number: title for number, title, *_ in found}
    assert [titles[number] for number in (1, 2, 29, 58, 171749)] == [
        "Toy Story",
        "Jumanji",
        "The City of Lost Children (Cité des enfants perdus, La)",
        "The Postman (Postino, Il)",
        "Death Note: Desu nôto",
    ]
    assert sum(not row[3].isascii() for row in found) == 293
    moved = [row for row in found if row[1] != row[2]]
    articles = Counter(title.split(" ")[0] for _, title, *_ in moved)
    assert (articles["The"], articles["A"], articles["An"]) == (1648, 148, 27)
    genres = real.warehouse.rows(
        "select movie_id, genre_name from marts.bridge_movie_genre as genres "
        "inner join marts.dim_movie as movies on genres.movie_key = movies.movie_key"
    )
    assert Counter((number, genre) for number, genre in genres) == Counter(
        (number, "No genre listed" if genre == "(no genres listed)" else genre)
        for number, record in raw.items()
        for genre in record["genres"].split("|")
    )


def test_the_real_tags_are_kept_as_written(real: Way) -> None:
    found = real.warehouse.rows("select user_id, movie_id, tag_text, tagged_at from marts.fct_tags")
    assert Counter(map(tuple, found)) == Counter(
        (
            int(record["userId"]),
            int(record["movieId"]),
            record["tag"].strip(),
            datetime.fromtimestamp(int(record["timestamp"]), UTC).replace(tzinfo=None),
        )
        for record in published("tags")
    )


def test_the_real_release_replaced_the_made_up_one_whole(real: Way) -> None:
    for name in FACTS:
        found = real.warehouse.rows(f"select _batch_id from marts.{name} group by _batch_id")
        assert found == [["20181001T000000"]]
    ((still_open,),) = real.warehouse.rows(
        "select count(*) from marts.movie_history where valid_to is null"
    )
    assert still_open == 9742
    before = tables(real)
    real.warehouse.built("run", "--full-refresh", "--select", *FACTS)
    assert tables(real) == before
