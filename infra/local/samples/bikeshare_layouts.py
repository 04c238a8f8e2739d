"""The two public layouts of Divvy's trip files: one trip in, the fields of one line out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from infra.local.samples.bikeshare_stations import Station

OLD_HEADER = (
    "trip_id", "start_time", "end_time", "bikeid", "tripduration", "from_station_id",
    "from_station_name", "to_station_id", "to_station_name", "usertype", "gender", "birthyear",
)  # fmt: skip
NEW_HEADER = (
    "ride_id", "rideable_type", "started_at", "ended_at", "start_station_name",
    "start_station_id", "end_station_name", "end_station_id", "start_lat", "start_lng", "end_lat",
    "end_lng", "member_casual",
)  # fmt: skip
STATION_HEADER = ("id", "name", "city", "latitude", "longitude", "dpcapacity", "online_date")

_FIRST_NEW_YEAR = 2020


@dataclass
class Trip:
    """A trip as it happened; `start` and `end` are Chicago wall-clock times."""

    id: str
    start: datetime
    end: datetime
    seconds: int
    bike: int
    origin: Station | None
    target: Station | None
    member: bool
    gender: str
    birth_year: str
    electric: bool = False


def is_new(month: datetime) -> bool:
    """Whether a month's files have the layout of 2020 on."""
    return month.year >= _FIRST_NEW_YEAR


def line(month: datetime, trip: Trip) -> list[str]:
    """Return the fields of a trip's line in the layout of the month's files."""
    return _new_line(month, trip) if is_new(month) else _old_line(month, trip)


def label(month: datetime, station: Station | None) -> str:
    """Return a station's name as this month's files write it: marks come and go."""
    if station is None:
        return ""
    if station.number % 60 == 2 and not is_new(month):
        return f"{station.name} (*)"
    if station.number % 60 == 12 and month.month == 12:
        return f"{station.name} (Temp)"
    if station.number % 60 == 22 and is_new(month):
        return station.name.replace("&", "&amp;")
    return station.name


def _old_line(month: datetime, trip: Trip) -> list[str]:
    return [
        trip.id,
        _time(month, trip.start),
        _time(month, trip.end),
        str(trip.bike),
        f"{trip.seconds:,.2f}" if trip.seconds >= 1000 else str(trip.seconds),
        str(trip.origin.number) if trip.origin else "",
        label(month, trip.origin),
        str(trip.target.number) if trip.target else "",
        label(month, trip.target),
        "Subscriber" if trip.member else "Customer",
        trip.gender,
        trip.birth_year,
    ]


def _new_line(month: datetime, trip: Trip) -> list[str]:
    return [
        trip.id,
        "electric_bike" if trip.electric else "docked_bike",
        _time(month, trip.start),
        _time(month, trip.end),
        label(month, trip.origin),
        str(trip.origin.number) if trip.origin else "",
        label(month, trip.target),
        str(trip.target.number) if trip.target else "",
        *_position(trip.origin),
        *_position(trip.target),
        "member" if trip.member else "casual",
    ]


def _time(month: datetime, moment: datetime) -> str:
    """Write ISO 8601 with seconds, in old files of even months M/D/YYYY H:MM."""
    if is_new(month) or month.month % 2:
        return str(moment)
    return f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment.minute:02}"


def _position(station: Station | None) -> tuple[str, str]:
    """Write a position; away from stations it is known to two decimals only."""
    if station is None:
        return "41.88", "-87.64"
    return f"{station.latitude:.4f}", f"{station.longitude:.4f}"
