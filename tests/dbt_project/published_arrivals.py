"""The published files of the arrivals, read by code that shares nothing with the project."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

DATA = Path(__file__).parents[3] / "shared" / "data"
ARRIVALS = DATA / "i94" / "immigration_data_sample.csv"
CITIES = DATA / "i94" / "us-cities-demographics.csv"
AIRPORTS = DATA / "i94" / "airport-codes_csv.csv"
TEMPERATURES = DATA / "temperature" / "GlobalLandTemperaturesByState.csv"
LABELS = DATA / "i94" / "I94_SAS_Labels_Descriptions.SAS"


def rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def day(number: str) -> date | None:
    return date(1960, 1, 1) + timedelta(days=float(number)) if number else None


def admitted_until(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%m%d%Y").date()
    except ValueError:
        return None


def month(text: str) -> date:
    form = "%Y-%m-%d" if "-" in text else "%m/%d/%Y"
    return datetime.strptime(text, form).date()


def cities() -> dict[tuple[str, str], dict[str, str]]:
    """One row per city and state, whatever its race."""
    return {(row["City"], row["State Code"]): row for row in rows(CITIES, ";")}


def people() -> dict[str, tuple[int, int, float, float]]:
    """By state: cities, people, median age by people, people by households."""
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for (_, state), row in cities().items():
        found[state].append(row)
    result = {}
    for state, of_state in found.items():
        total = sum(int(row["Total Population"]) for row in of_state)
        age = sum(float(row["Median Age"]) * int(row["Total Population"]) for row in of_state)
        sized = [row for row in of_state if row["Average Household Size"]]
        households = sum(
            int(row["Total Population"]) / float(row["Average Household Size"]) for row in sized
        )
        in_them = sum(int(row["Total Population"]) for row in sized)
        size = in_them / households if households else 0.0
        result[state] = (len(of_state), total, age / total, size)
    return result


def races() -> dict[tuple[str, str], int]:
    """People by state and race."""
    found: Counter[tuple[str, str]] = Counter()
    for row in rows(CITIES, ";"):
        found[row["State Code"], row["Race"]] += int(row["Count"])
    return dict(found)


def climate(state: str, number: int, years: int = 30) -> float:
    """Mean of a month over the latest years that were measured."""
    values = sorted(
        (month(row["dt"]), float(row["AverageTemperature"]))
        for row in rows(TEMPERATURES)
        if (row["State"], row["Country"]) == (state, "United States") and row["AverageTemperature"]
    )
    latest = [value for when, value in values if when.month == number][-years:]
    return sum(latest) / len(latest)


def unlisted() -> dict[str, Counter[str]]:
    """How many arrivals have which code that the label file lacks, by what it is a code of."""
    lists = {"i94cit": "i94cntyl", "i94res": "i94cntyl", "i94port": "$i94prtl"}
    lists |= {"i94addr": "i94addrl", "i94mode": "i94model"}
    known = {column: labels(block) for column, block in lists.items()}
    found: dict[str, Counter[str]] = {column: Counter() for column in lists}
    for row in rows(ARRIVALS):
        for column in lists:
            code = row[column].removesuffix(".0")
            if code and code not in known[column]:
                found[column][code] += 1
    return found


def labels(block: str) -> set[str]:
    """The codes of one list of the label file."""
    text = LABELS.read_text(encoding="ascii")
    part = text[text.index(f" {block}") :]
    part = part[: re.search(r";\s*(?:\n|$)", part).start()]  # type: ignore[union-attr]
    return {code.strip() for code in re.findall(r"^\s*'?([^'=\n]+?)'?\s*=", part, re.MULTILINE)}
