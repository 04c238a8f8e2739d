"""I-94 arrivals of two months in all known layouts, and the lists beside them, with known defects.

April is CSV: half as samples are saved, with an unnamed column of row numbers, half as Java writes
doubles (`5.5E10`). May is Parquet, and holds corrections of April. What the months share with real
ones is in `immigration_month`, the lists are in `immigration_lists`.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.local.samples.immigration_lists import (
    ListFile,
    People,
    airports,
    demographics,
    temperatures,
)
from infra.local.samples.immigration_month import PURPOSES, month_table
from infra.local.samples.sample import Batch, Sample, SampleFile

SOURCE = "immigration"
FIRST, LAST = date(2016, 4, 1), date(2016, 5, 31)
QUESTION = ("Where visitors go, and how warm it is there", "immigration_states.sql")
ARRIVALS = 12_000
SEED = 94

Record = dict[str, Any]
Key = tuple[float, float, float]

_MONTHS = (date(2016, 4, 1), date(2016, 5, 1))
# Defects as shares of a month's records; at least one of each.
_REJECTS = {"required": 0.0010, "type": 0.0010, "length": 0.0005, "range": 0.0005}
_MALFORMED = 0.0005
_FLAWS = {"departed": 0.002, "age": 0.001, "codes": 0.004, "admission": 0.003, "repeated": 0.002}
_CORRECTED = 0.003
_JUNK = ("/   183D", "10 02003", "06 02002", "02302017", "D/S  ")


@dataclass(frozen=True)
class Answers:
    """What the marts must say of the sample; a blank code has the key that the marts give it."""

    by_state: Mapping[str, int]
    by_purpose: Mapping[str, int]
    by_citizenship: Mapping[int, int]
    unlisted: Mapping[tuple[str, str], int]
    people: Mapping[str, People]
    ports_of_airports: Mapping[str, str]
    temperatures: Mapping[tuple[str, int], Decimal]


class _Month:
    """One month while its files are made."""

    def __init__(self, first: date) -> None:
        self.first = first
        self.records: list[Record] = []  # in the order of the files
        self.good: list[Record] = []
        self.rejected: Counter[str] = Counter()
        self.malformed: list[int] = []  # places of records that get a field too many
        self.repeated = self.superseded = self.late = 0

    @property
    def batch_id(self) -> str:
        return f"{self.first:%Y%m%dT000000}"


def generate(folder: Path, arrivals: int = ARRIVALS, seed: int = SEED) -> Sample[Answers]:
    """Write the raw files of two months below a folder, by S3 key; the same bytes every time.

    ``arrivals`` happen in each month; the files hold a few more records, repeated and corrected.
    """
    rng = random.Random(seed)  # noqa: S311  (sample data, no secret)
    april, may = (_Month(first) for first in _MONTHS)
    for month in (april, may):
        _fill(rng, month, arrivals, csv_too=month is april)
    _correct(rng, april, may)
    winners: dict[Key, tuple[_Month, Record]] = {}
    for month in (april, may):
        winners |= {_key(record): (month, record) for record in month.good}
    people, ports, climate = demographics(rng), airports(rng), temperatures(rng)
    lists = {
        "city_demographics": ("us-cities-demographics.csv", ";", "\r\n", people[0]),
        "airports": ("airport-codes_csv.csv", ",", "\n", ports[0]),
        "state_temperatures": ("GlobalLandTemperaturesByState.csv", ",", "\r\n", climate[0]),
    }
    batches = [
        _arrivals_batch(april, _write_csv(folder, april), winners),
        _arrivals_batch(may, _write_parquet(folder, may), winners),
    ]
    for feed, (name, delimiter, line_end, content) in lists.items():
        key = f"raw/{SOURCE}/{feed}/2016/04/{name}"
        file = _write_list(folder, key, delimiter, line_end, content)
        batches.append(
            Batch(SOURCE, feed, april.batch_id, (file,), len(content.lines), content.rejected)
        )
        batches.append(Batch(SOURCE, feed, may.batch_id, (), 0, {}))
    records = [record for _, record in winners.values()]
    answers = Answers(
        by_state=Counter(record["i94addr"] or "-" for record in records),
        by_purpose=Counter(_purpose(record) for record in records),
        by_citizenship=Counter(int(record["i94cit"]) for record in records),
        unlisted=_unlisted(records),
        people=people[1],
        ports_of_airports=ports[1],
        temperatures=climate[1],
    )
    return Sample(tuple(batches), answers)


def _fill(rng: random.Random, month: _Month, arrivals: int, csv_too: bool) -> None:
    """Make a month's records; break, bend and repeat some."""
    records: list[Record] = month_table(month.first, arrivals, SEED).to_pylist()
    shares = {**_REJECTS, **_FLAWS, **({"malformed": _MALFORMED} if csv_too else {})}
    sizes = {fate: max(1, round(share * arrivals)) for fate, share in shares.items()}
    chosen = iter(rng.sample(range(arrivals), sum(sizes.values())))
    fates = {next(chosen): fate for fate, size in sizes.items() for _ in range(size)}
    for at, record in enumerate(records):
        fate = fates.get(at, "")
        if fate in _REJECTS or fate == "malformed":
            month.rejected[fate] += 1
            if fate == "malformed":
                month.malformed.append(len(month.records))
            else:
                _break(rng, record, fate)
            month.records.append(record)
            continue
        _bend(rng, record, fate)
        month.records.append(record)
        month.good.append(record)
        if fate == "repeated":
            month.records.append(dict(record))
            month.repeated += 1


def _break(rng: random.Random, record: Record, rule: str) -> None:
    """Make a record break a rule of the contract, in CSV and in Parquet alike."""
    if rule == "required":
        record[rng.choice(("cicid", "arrdate"))] = None
    elif rule == "type":
        # No whole number, no whole day.
        record[rng.choice(("i94bir", "arrdate"))] = 20560.5
    elif rule == "length":
        record["visatype"] = "B2 or not B2"
    else:
        record["i94mon"] = 13.0


def _bend(rng: random.Random, record: Record, fate: str) -> None:
    """Give a record a flaw that the contract lets pass."""
    if fate == "departed":
        record["depdate"] = record["arrdate"] - rng.randrange(1, 400)
    elif fate == "age":
        record["i94bir"] = rng.choice((-3.0, -1.0, 111.0, 114.0))
    elif fate == "admission":
        record["dtaddto"] = rng.choice(_JUNK)
    elif fate == "codes":
        name, value = rng.choice((("i94cit", 777.0), ("i94port", "Q9Q"), ("i94addr", "UK")))
        record[name] = value


def _correct(rng: random.Random, before: _Month, month: _Month) -> None:
    """Append records of the month before: visitors of whom a departure is known by now."""
    whole = [record for record in before.good if record["depdate"] is None]
    for record in rng.sample(whole, max(1, round(_CORRECTED * len(before.good)))):
        fixed = {**record, "depdate": record["arrdate"] + rng.randrange(20, 60), "matflag": "M"}
        month.records.append(fixed)
        month.good.append(fixed)
        before.superseded += 1
        month.late += 1


def _key(record: Record) -> Key:
    return record["cicid"], record["i94yr"], record["i94mon"]


def _purpose(record: Record) -> str:
    names = {1: "business", 2: "pleasure", 3: "study"}
    return names[PURPOSES[record["visatype"]]]


def _unlisted(records: Iterable[Record]) -> dict[tuple[str, str], int]:
    """Return how many records have the codes that `_bend` made up."""
    made_up = (("country of citizenship", "i94cit", 777.0), ("port", "i94port", "Q9Q"))
    found: Counter[tuple[str, str]] = Counter()
    for record in records:
        for code_of, name, value in (*made_up, ("state", "i94addr", "UK")):
            if record[name] == value:
                found[code_of, "777" if value == 777.0 else str(value)] += 1
    return dict(found)


def _arrivals_batch(
    month: _Month,
    files: tuple[SampleFile, ...],
    winners: Mapping[Key, tuple[_Month, Record]],
) -> Batch:
    mine = [record for owner, record in winners.values() if owner is month]
    departed = [record for record in mine if record["depdate"] is not None]
    return Batch(
        source=SOURCE,
        feed="arrivals",
        batch_id=month.batch_id,
        files=files,
        raw_rows=len(month.records),
        rejected=dict(sorted(month.rejected.items())),
        repeated=month.repeated,
        superseded=month.superseded,
        late=month.late,
        flagged={
            "is_without_departure": len(mine) - len(departed),
            "is_departed_before_arrival": sum(r["depdate"] < r["arrdate"] for r in departed),
            "is_age_impossible": sum(not 0 <= record["i94bir"] <= 110 for record in mine),
        },
    )


def _write_csv(folder: Path, month: _Month) -> tuple[SampleFile, ...]:
    """Write half of a month as samples are saved, half as Java writes numbers."""
    half = len(month.records) // 2
    names = list(month.records[0])
    malformed = set(month.malformed)
    sample: list[Sequence[str]] = [["", *names]]
    converted: list[Sequence[str]] = [names]
    for at, record in enumerate(month.records):
        tail = ["what is this"] if at in malformed else []
        if at < half:
            sample.append([str(at * 7), *map(_python, record.values()), *tail])
        else:
            converted.append([*map(_java, record.values()), *tail])
    stem = f"raw/{SOURCE}/arrivals/{month.first:%Y/%m}/i94_{month.first:%b%y}".lower()
    return (
        _write(folder, f"{stem}_sample.csv", sample),
        _write(folder, f"{stem}_sub.csv", converted),
    )


def _write_parquet(folder: Path, month: _Month) -> tuple[SampleFile, ...]:
    key = f"raw/{SOURCE}/arrivals/{month.first:%Y/%m}/part-00000-i94.snappy.parquet"
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = month_table(month.first, 1).schema
    pq.write_table(pa.Table.from_pylist(month.records, schema=schema), path)
    return (SampleFile(key, path),)


def _write_list(
    folder: Path, key: str, delimiter: str, line_end: str, content: ListFile
) -> SampleFile:
    return _write(folder, key, [content.header, *content.lines], delimiter, line_end)


def _write(
    folder: Path,
    key: str,
    lines: Iterable[Sequence[str]],
    delimiter: str = ",",
    line_end: str = "\n",
) -> SampleFile:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=line_end).writerows(lines)
    return SampleFile(key, path)


def _python(value: object) -> str:
    return "" if value is None else str(value)


def _java(value: object) -> str:
    """Return a double as Java writes it: from ten million on with an exponent."""
    if not isinstance(value, float) or abs(value) < 1e7:
        return _python(value)
    whole = str(int(value))
    return f"{whole[0]}.{whole[1:].rstrip('0') or '0'}E{len(whole) - 1}"
