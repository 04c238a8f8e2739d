"""Invented movies as MovieLens writes them: titles with articles, other titles, years, genres."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

NO_GENRES = "(no genres listed)"

_GENRES = (
    "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
_FIRST = (
    "Amber", "Borrowed", "Crimson", "Distant", "Electric", "Forgotten", "Gilded", "Hollow",
    "Infinite", "Jagged", "Kindred", "Last", "Midnight", "Northern", "Ordinary", "Paper",
    "Quiet", "Restless", "Second", "Tangled", "Unwritten", "Velvet", "Wandering", "Yellow",
)  # fmt: skip
_SECOND = (
    "Harbour", "Lantern", "Orchard", "Tide", "Compass", "Winter", "Carousel", "Garden", "Mirror",
    "Station", "Voyage", "Letter", "Clockmaker", "Summer", "Bridge", "Echo", "Kingdom", "Piano",
)  # fmt: skip
_OTHER = (
    "Haven i vår", "Lumière d'été, La", "Żółty ogród", "Sør for byen", "Über den Dächern",
    "a.k.a. 2nd Chance", "Straße, Die", "Ночной поезд", "夜の庭", "Corazón, El",
)  # fmt: skip


@dataclass(frozen=True)
class Title:
    """A title in its parts; ``years`` as it stands in parentheses, empty if there is none."""

    main: str
    article: str = ""
    other: str = ""
    years: str = ""

    @property
    def published(self) -> str:
        """As the file has it: article behind, other titles and years in parentheses."""
        behind = f", {self.article}" if self.article else ""
        parts = [f"{self.main}{behind}", *(f"({it})" for it in (self.other, self.years) if it)]
        return " ".join(parts)

    @property
    def spoken(self) -> str:
        """As one says it: article in front, without the year."""
        gap = "" if self.article.endswith("'") else " "
        front = f"{self.article}{gap}" if self.article else ""
        return f"{front}{self.main}" + (f" ({self.other})" if self.other else "")

    @property
    def year(self) -> int | None:
        """The first year."""
        return int(self.years[:4]) if self.years else None


@dataclass(frozen=True)
class Movie:
    """One movie; ``quality`` is the mean of the stars that it gets, ``pull`` how often."""

    id: int
    title: Title
    genres: tuple[str, ...]
    imdb: str
    tmdb: int | None
    quality: float
    pull: float

    @property
    def genre_text(self) -> str:
        """The genres as the file has them."""
        return "|".join(self.genres) or NO_GENRES


SPECIAL = (
    Title('"Quoted", She Said', years="1999"),
    Title("(42) Steps to the Sea", years="2009"),
    Title("Été sans fin", article="L'", years="1974"),
    Title("Death of a Note: Desu nôto", years="2006\N{EN DASH}2007"),
    Title("Long Running Tale", article="A", years="2005\N{EN DASH} "),
    Title("Nobody Typed the Year"),
    Title("2031: A Space Opera"),
)


def invent_movies(rng: random.Random, size: int) -> list[Movie]:
    """Return that many movies with rising numbers; the first are the odd ones of ``SPECIAL``."""
    titles = [*SPECIAL, *_invent_titles(rng, size - len(SPECIAL))]
    numbers = sorted(rng.sample(range(1, size * 12), size))
    return [
        Movie(
            id=number,
            title=title,
            genres=invent_genres(rng),
            imdb=f"{rng.randrange(10_000, 9_999_999):07}",
            tmdb=rng.randrange(1, 500_000) if rng.random() < 0.98 else None,
            quality=rng.gauss(3.5, 0.5),
            pull=rng.paretovariate(1.5),
        )
        for number, title in zip(numbers, titles, strict=True)
    ]


def invent_genres(rng: random.Random) -> tuple[str, ...]:
    """Return up to four genres in their order; none now and then."""
    size = rng.choices(range(5), (0.02, 0.35, 0.35, 0.2, 0.08))[0]
    return tuple(sorted(rng.sample(_GENRES, size)))


def _invent_titles(rng: random.Random, size: int) -> Sequence[Title]:
    pairs = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    titles = []
    for main in rng.sample(pairs, size):
        year = rng.triangular(1930, 2018, 1998)
        titles.append(
            Title(
                main=main,
                article=rng.choices(("", "The", "A", "An"), (70, 24, 5, 1))[0],
                other=rng.choice(_OTHER) if rng.random() < 0.1 else "",
                years=str(int(year)) if rng.random() < 0.98 else "",
            )
        )
    return titles
