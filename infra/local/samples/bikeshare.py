"""Divvy-like trips and stations: deterministic, in both public layouts, with labelled defects.

Nothing is copied from real data. Shapes come from looking at the published files: two commuter
peaks on weekdays and one hump at week-ends, fewer and shorter trips in the cold, members who ride
briefly and state gender and year of birth, visitors who ride long and state neither.
"""

from __future__ import annotations

import calendar
import csv
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from infra.local.samples.bikeshare_layouts import (
    NEW_HEADER,
    OLD_HEADER,
    STATION_HEADER,
    Trip,
    is_new,
    label,
)
from infra.local.samples.bikeshare_layouts import line as line_of
from infra.local.samples.bikeshare_stations import LISTED, Station, invent_stations
from infra.local.samples.sample import Batch, Sample, SampleFile

SOURCE = "bikeshare"
MONTHS = ("2019-11", "2019-12", "2020-01")
FIRST, LAST = date(2019, 11, 1), date(2020, 1, 31)
QUESTION = ("The busiest stations", "busiest_stations.sql")
TRIPS = 100_000
SEED = 2019


_SEASON = (17, 18, 30, 42, 58, 74, 80, 82, 68, 55, 34, 22)  # trips by month, relative
_WORKDAY = (
    1,
    1,
    0.5,
    0.5,
    1,
    4,
    12,
    26,
    34,
    16,
    11,
    13,
    15,
    15,
    15,
    20,
    33,
    44,
    30,
    19,
    12,
    9,
    6,
    3,
)
_WEEKEND = (5, 4, 2, 1, 1, 1, 2, 4, 8, 14, 20, 26, 29, 30, 30, 28, 25, 21, 16, 12, 9, 8, 7, 6)

# Defects as shares of a month's trips; at least one of each.
_REJECTS = {"type": 0.0010, "required": 0.0005, "malformed": 0.0003, "length": 0.0002}
_REPEATED, _LATE, _CORRECTED, _BACKWARDS, _STATIONLESS = 0.0020, 0.0030, 0.0015, 0.0005, 0.0200
_LONG_NAME = "Temporary station for the " + "very " * 30 + "long festival"


@dataclass(frozen=True)
class Traffic:
    """How many trips began and ended at a station, over all batches."""

    departures: int
    arrivals: int


class _Month:
    """One month while its files are made."""

    def __init__(self, first: datetime) -> None:
        self.first = first
        self.trips: list[Trip] = []  # what the files say, one trip per readable key
        self.lines: list[list[str]] = []
        self.clean: list[Trip] = []  # trips with one record and no flaw: a later month may correct
        self.rejected: Counter[str] = Counter()
        self.repeated = self.superseded = self.late = 0

    @property
    def batch_id(self) -> str:
        return f"{self.first:%Y%m%dT%H%M%S}"

    @property
    def days(self) -> int:
        return calendar.monthrange(self.first.year, self.first.month)[1]

    @property
    def season(self) -> int:
        return _SEASON[self.first.month - 1]


def generate(
    out: Path, months: Sequence[str] = MONTHS, trips: int = TRIPS, seed: int = SEED
) -> Sample[Mapping[str, Traffic]]:
    """Write the raw files of consecutive ``months`` (``YYYY-MM``) below ``out``, by S3 key.

    ``trips`` is the number of trips that happen in all months together; the files hold somewhat
    more records, because some are repeated or late. The same arguments give the same bytes. The
    answers are the traffic by cleaned station name, in order of names; "" stands for no station.
    """
    rng = random.Random(seed)  # noqa: S311  (sample data, no secret)
    stations = invent_stations(rng)
    made = [_Month(datetime.strptime(month, "%Y-%m")) for month in months]
    whole_season = sum(month.season for month in made)
    winners: dict[str, tuple[_Month, Trip]] = {}
    for at, month in enumerate(made):
        happened = _ride(rng, stations, month, round(trips * month.season / whole_season), at)
        _write_down(rng, month, happened)
        if at > 0:
            _add_late_and_corrected(rng, stations, month, made[at - 1])
        winners |= {trip.id: (month, trip) for trip in month.trips}
    backwards = Counter(month.batch_id for month, trip in winners.values() if trip.end < trip.start)
    batches: list[Batch] = []
    for at, month in enumerate(made):
        batches.append(_stations_batch(out, month, stations if at == 0 else []))
        batches.append(_trips_batch(out, month, backwards[month.batch_id]))
    return Sample(tuple(batches), _traffic([trip for _, trip in winners.values()]))


def _ride(
    rng: random.Random, stations: list[Station], month: _Month, size: int, at: int
) -> list[Trip]:
    """Make the trips that begin in a month, in the order of their starts."""
    weekend = [(month.first.weekday() + day) % 7 >= 5 for day in range(month.days)]
    day_weights = [0.7 if free else 1.0 for free in weekend]
    days = rng.choices(range(month.days), day_weights, k=size)
    hours = (
        rng.choices(range(24), _WORKDAY, k=size),
        rng.choices(range(24), _WEEKEND, k=size),
    )
    starts = sorted(
        (day * 24 + hours[weekend[day]][n]) * 3600 + rng.randrange(3600)
        for n, day in enumerate(days)
    )
    pulls = [station.weight for station in stations]
    origins = rng.choices(stations, pulls, k=size)
    targets = rng.choices(stations, pulls, k=size)
    trips = []
    for n, second in enumerate(starts):
        member = rng.random() < (0.72 if weekend[second // 86400] else 0.92)
        seconds = 60 + int(rng.lognormvariate(6.25 if member else 7.1, 0.65))
        start = month.first + timedelta(seconds=second)
        trips.append(
            Trip(
                id=_new_id(rng, month, 25_000_001 + at * 1_000_000 + n),
                start=start,
                end=start + timedelta(seconds=seconds),
                seconds=seconds,
                bike=rng.randrange(1, 6500),
                origin=origins[n],
                target=targets[n],
                member=member,
                gender=("Male" if rng.random() < 0.74 else "Female") if member else "",
                birth_year=str(int(rng.triangular(1948, 2003, 1990))) if member else "",
            )
        )
    return trips


def _new_id(rng: random.Random, month: _Month, number: int) -> str:
    return f"{rng.getrandbits(64):016X}" if is_new(month.first) else str(number)


def _write_down(rng: random.Random, month: _Month, happened: list[Trip]) -> None:
    """Turn trips into lines; break, bend and repeat some."""
    shares = {**_REJECTS, "repeated": _REPEATED, "backwards": _BACKWARDS}
    if is_new(month.first):
        shares["stationless"] = _STATIONLESS
    fates: dict[int, str] = {}
    sizes = {fate: max(1, round(share * len(happened))) for fate, share in shares.items()}
    chosen = iter(rng.sample(range(len(happened)), sum(sizes.values())))
    for kind, size in sizes.items():
        fates |= {next(chosen): kind for _ in range(size)}
    for at, trip in enumerate(happened):
        fate = fates.get(at)
        if fate == "backwards":
            trip.end = trip.start - timedelta(minutes=rng.randrange(1, 59))
        elif fate == "stationless":
            trip.electric = True
            trip.origin = trip.origin if rng.random() < 0.6 else None
            trip.target = None if trip.origin else trip.target
        line = line_of(month.first, trip)
        month.lines.append(line)
        if fate in _REJECTS:
            _break(rng, month, line, fate)
            month.rejected[fate] += 1
            continue
        month.trips.append(trip)
        if fate is None:
            month.clean.append(trip)
        if fate == "repeated":
            # The same record again, a little further down.
            month.lines.insert(len(month.lines) - rng.randrange(min(50, len(month.lines))), line)
            month.repeated += 1


def _add_late_and_corrected(
    rng: random.Random, stations: list[Station], month: _Month, before: _Month
) -> None:
    """Append trips of the month before: some that its files lacked, some that they had wrong."""
    size = len(before.trips)
    for n in range(max(1, round(_LATE * size))):
        start = month.first - timedelta(minutes=rng.randrange(1, 4 * 24 * 60))
        seconds = rng.randrange(120, 2400)
        origin, target = rng.choices(stations, k=2)
        late = Trip(
            # Its own range per month, or the late trips of one month would correct another's.
            id=_new_id(rng, month, 24_000_000 + month.first.month * 10_000 + n),
            start=start,
            end=start + timedelta(seconds=seconds),
            seconds=seconds,
            bike=rng.randrange(1, 6500),
            origin=origin,
            target=target,
            member=False,
            gender="",
            birth_year="",
        )
        month.trips.append(late)
        month.lines.append(line_of(month.first, late))
    corrected = rng.sample(before.clean, max(1, round(_CORRECTED * size)))
    for trip in corrected:
        more = rng.randrange(60, 600)
        fixed = replace(
            trip,
            end=trip.end + timedelta(seconds=more),
            seconds=trip.seconds + more,
            target=rng.choice(stations),
        )
        month.trips.append(fixed)
        month.lines.append(line_of(month.first, fixed))
    before.superseded = len(corrected)
    month.late = max(1, round(_LATE * size)) + len(corrected)


def _break(rng: random.Random, month: _Month, line: list[str], rule: str) -> None:
    """Make a line break a rule of the contract, and no other before it."""
    if rule == "required":
        line[0] = rng.choice(("", "  "))
    elif rule == "type":
        start = 2 if is_new(month.first) else 1
        line[start] = rng.choice(("n/a", "31/31/2019 10:00", "2019-02-30 08:00:00", "yesterday"))
    elif rule == "length":
        line[4 if is_new(month.first) else 6] = _LONG_NAME
    elif rng.random() < 0.5:
        line.insert(6, "North")  # a comma in a name that nobody quoted
    else:
        del line[-3:]  # cut off


def _trips_batch(out: Path, month: _Month, backwards: int) -> Batch:
    header = NEW_HEADER if is_new(month.first) else OLD_HEADER
    half = len(month.lines) // 2
    parts = (month.lines[:half], month.lines[half:])
    folder = f"raw/bikeshare/trips/{month.first:%Y/%m}"
    name = f"{month.first:%Y%m}-divvy-trips"
    return Batch(
        source="bikeshare",
        feed="trips",
        batch_id=month.batch_id,
        files=tuple(
            _write(out, f"{folder}/{name}-{at}.csv", header, part)
            for at, part in enumerate(parts, start=1)
        ),
        raw_rows=len(month.lines),
        rejected=dict(sorted(month.rejected.items())),
        repeated=month.repeated,
        superseded=month.superseded,
        late=month.late,
        flagged={"is_ended_before_start": backwards},
    )


def _stations_batch(out: Path, month: _Month, stations: list[Station]) -> Batch:
    """Write the list of stations, in the layout of 2017; an empty batch where there is none."""
    lines = [
        [
            str(station.number),
            label(month.first, station),
            "Chicago",
            str(station.latitude),
            str(station.longitude),
            str(station.docks),
            f"{6 + station.number % 5}/{1 + station.number % 28}/2013 10:{station.number % 60:02}",
        ]
        for station in stations[:LISTED]
    ]
    files: tuple[SampleFile, ...] = ()
    rejected: dict[str, int] = {}
    if lines:
        lines.append(["9999", "", "Chicago", "41.9", "-87.7", "15", "6/1/2013 10:00"])
        rejected["required"] = 1
        key = f"raw/bikeshare/stations/{month.first:%Y/%m}/Divvy_Stations_{month.first:%Y_%m}.csv"
        files = (_write(out, key, STATION_HEADER, lines),)
    return Batch("bikeshare", "stations", month.batch_id, files, len(lines), rejected)


def _write(out: Path, key: str, header: Sequence[str], lines: list[list[str]]) -> SampleFile:
    path = out / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
    return SampleFile(key, path)


def _traffic(trips: list[Trip]) -> dict[str, Traffic]:
    departures = Counter(trip.origin.name if trip.origin else "" for trip in trips)
    arrivals = Counter(trip.target.name if trip.target else "" for trip in trips)
    names = sorted(departures.keys() | arrivals.keys())
    return {name: Traffic(departures[name], arrivals[name]) for name in names}
