"""The lists beside the arrivals: people of made-up cities, made-up airports, made-up weather.

States, races and layouts are those of the public files; every figure and every city is invented.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

Line = list[str]

DEMOGRAPHICS_HEADER = (
    "City", "State", "Median Age", "Male Population", "Female Population", "Total Population",
    "Number of Veterans", "Foreign-born", "Average Household Size", "State Code", "Race", "Count",
)  # fmt: skip
AIRPORTS_HEADER = (
    "ident", "type", "name", "elevation_ft", "continent", "iso_country", "iso_region",
    "municipality", "gps_code", "iata_code", "local_code", "coordinates",
)  # fmt: skip
TEMPERATURES_HEADER = (
    "dt", "AverageTemperature", "AverageTemperatureUncertainty", "State", "Country",
)  # fmt: skip
RACES = {
    "White": 0.61,
    "Black or African-American": 0.16,
    "Asian": 0.09,
    "American Indian and Alaska Native": 0.02,
    "Hispanic or Latino": 0.24,
}
STATES = {
    "FL": "Florida", "CA": "California", "NY": "New York", "HI": "Hawaii", "TX": "Texas",
    "NV": "Nevada", "IL": "Illinois", "MA": "Massachusetts", "NJ": "New Jersey", "GA": "Georgia",
    "WA": "Washington", "NC": "North Carolina", "DC": "District of Columbia", "PR": "Puerto Rico",
}  # fmt: skip
# Mean of the year and half the span of its months, in degrees Celsius.
CLIMATES = {
    "Florida": (21.6, 6.5), "California": (14.4, 7.9), "New York": (6.4, 13.6),
    "Hawaii": (22.3, 1.8), "Texas": (18.3, 10.2), "Nevada": (9.8, 11.9), "Illinois": (11.0, 14.1),
    "Georgia (State)": (17.3, 9.3), "District Of Columbia": (12.6, 12.1),
}  # fmt: skip
FIRST_YEAR, LAST_YEAR, LAST_MONTH = 1897, 2013, 9
CLIMATE_YEARS = 30
# Ports whose code is an airport's too, and one that is another airport's.
_PORT_AIRPORTS = {"MIA": "FL", "ATL": "GA", "BOS": "MA", "SEA": "WA", "OGG": "HI"}
_OTHER_AIRPORTS = {"LAS": "NV"}
_CITY_NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir")


@dataclass(frozen=True)
class People:
    """What is known of the people in a state's cities; None where no city has the figure."""

    cities: int
    total: int
    veterans: int | None
    foreign_born: int | None
    races: Mapping[str, int]


@dataclass(frozen=True)
class ListFile:
    """The lines of a list, and how many of them break the contract, by rule."""

    header: tuple[str, ...]
    lines: list[Line]
    rejected: Mapping[str, int]


def demographics(rng: random.Random) -> tuple[ListFile, dict[str, People]]:
    """Return a list of cities by race in no order, and the people of each state."""
    lines: list[Line] = []
    people: dict[str, People] = {}
    for code, state in STATES.items():
        cities = 1 + rng.randrange(len(_CITY_NAMES))
        total = veterans = foreign = 0
        races: dict[str, int] = defaultdict(int)
        for name in _CITY_NAMES[:cities]:
            size = 65_000 + rng.randrange(900_000)
            male = size * rng.randrange(470, 515) // 1000
            served, abroad = size // rng.randrange(20, 60), size // rng.randrange(4, 12)
            unknown = code == "PR"
            shared = [
                f"{name} City" if name != "Elm" else "Saint Elm's",
                state,
                f"{rng.randrange(280, 420) / 10}",
                str(male),
                str(size - male),
                str(size),
                "" if unknown else str(served),
                "" if unknown else str(abroad),
                "" if unknown else f"{rng.randrange(220, 330) / 100}",
                code,
            ]
            total, veterans, foreign = total + size, veterans + served, foreign + abroad
            for race, share in RACES.items():
                if race.startswith("American Indian") and name == "Birch":
                    continue  # some cities lack a race
                count = int(size * share * rng.uniform(0.5, 1.4))
                races[race] += count
                lines.append([*shared, race, str(count)])
        known = code != "PR"
        people[code] = People(
            cities, total, veterans if known else None, foreign if known else None, dict(races)
        )
    rng.shuffle(lines)
    lines.append(["Nowhere", "Florida", "40.0", "1", "1", "", "1", "1", "2.0", "FL", "White", "1"])
    return ListFile(DEMOGRAPHICS_HEADER, lines, {"required": 1}), people


def airports(rng: random.Random, size: int = 400) -> tuple[ListFile, dict[str, str]]:
    """Return a list of airports, and the port of entry of each that is one, by identifier."""
    lines: list[Line] = []
    ports: dict[str, str] = {}
    kinds = ("small_airport", "small_airport", "small_airport", "heliport", "closed")
    codes = list(STATES)
    for number in range(size):
        ident, state = f"{number:02}X{number % 7}", rng.choice(codes)
        kind = rng.choice(kinds)
        code = "" if kind == "closed" else ident
        place = f"{-rng.uniform(68, 160):.6f}, {rng.uniform(18, 66):.6f}"
        name, region = f'Field "{number}", {state}', f"US-{state}"
        height = str(rng.randrange(5000)) if rng.random() < 0.95 else ""
        lines.append(
            [ident, kind, name, height, "NA", "US", region, "Alder City", code, "", code, place]
        )
    for iata, state in {**_PORT_AIRPORTS, **_OTHER_AIRPORTS}.items():
        ident = f"K{iata}"
        place = f"{-rng.uniform(68, 160):.12f}, {rng.uniform(18, 66):.12f}"
        known = ["NA", "US", f"US-{state}", "Grande Münster", ident, iata, iata, place]
        lines.append([ident, "large_airport", f"{iata} Int'l", "11", *known])
        if iata in _PORT_AIRPORTS:
            ports[ident] = iata
    lines.append(["", "heliport", "Nowhere", "1", "NA", "US", "US-FL", "X", "", "", "", "0, 0"])
    lines.append(["HIGH", "heliport", "X", "high", "NA", "US", "US-FL", "X", "", "", "", "0, 0"])
    return ListFile(AIRPORTS_HEADER, lines, {"required": 1, "type": 1}), ports


def temperatures(rng: random.Random) -> tuple[ListFile, dict[tuple[str, int], Decimal]]:
    """Return a history, and by state and month the mean of the latest years that have the month."""
    lines: list[Line] = []
    found: dict[tuple[str, int], list[Decimal]] = defaultdict(list)
    for name, (mean, span) in CLIMATES.items():
        for month in _months():
            wave = -span * math.cos((month.month - 1.2) * math.pi / 6)
            value = Decimal(f"{mean + wave + rng.gauss(0, 1.1):.3f}")
            missing = rng.random() < 0.04
            lines.append(
                [
                    _written(month),
                    "" if missing else str(value),
                    "" if missing else f"{rng.uniform(0.1, 2):.3f}",
                    name,
                    "United States",
                ]
            )
            if not missing:
                found[name, month.month].append(value)
    for month in _months():
        lines.append([_written(month), "11.111", "0.5", "Georgia", "Georgia"])
    lines.append(["13/13/2013", "1.0", "0.1", "Florida", "United States"])
    means = {key: _mean(values[-CLIMATE_YEARS:]) for key, values in found.items()}
    return ListFile(TEMPERATURES_HEADER, lines, {"type": 1}), means


def _months() -> Iterable[date]:
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for month in range(1, (LAST_MONTH if year == LAST_YEAR else 12) + 1):
            yield date(year, month, 1)


def _written(month: date) -> str:
    """Return a month as copies of the history write it, in one way before 1900."""
    return month.isoformat() if month.year < 1900 else f"{month.month}/{month.day}/{month.year}"


def _mean(values: list[Decimal]) -> Decimal:
    return (sum(values, Decimal(0)) / len(values)).quantize(Decimal("0.001"), ROUND_HALF_UP)
