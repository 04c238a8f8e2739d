"""The real published files, read by a calculation that shares no code with the project."""

import csv
from datetime import date, datetime
from pathlib import Path

DATA = Path(__file__).parents[3] / "shared" / "data" / "divvy"

BATCHES = {
    date(2016, 12, 1): {
        "trips": ["Divvy_Trips_2016_sample.csv"],
        "stations": ["Divvy_Stations_2016.csv"],
    },
    date(2019, 10, 1): {"trips": ["Divvy_Trips_2019_Q3.csv", "Divvy_Trips_2019_Q4.csv"]},
    date(2020, 1, 1): {"trips": ["Divvy_Trips_2020_Q1.csv"]},
}
TIMES = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S")
COLUMNS = {
    "id": ("trip_id", "ride_id"),
    "start": ("starttime", "start_time", "started_at"),
    "end": ("stoptime", "end_time", "ended_at"),
    "from": ("from_station_name", "start_station_name"),
    "to": ("to_station_name", "end_station_name"),
}


def read(name):
    """The rows of a file as the calculation needs them; None for a row that can't be read."""
    with (DATA / name).open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            pick = {key: next(row[n] for n in names if n in row) for key, names in COLUMNS.items()}
            start, end = when(pick["start"]), when(pick["end"])
            readable = pick["id"].strip() and start and end
            yield {**pick, "start": start, "end": end} if readable else None


def when(text):
    for form in TIMES:
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    return None


def station(name):
    """The name without the mark of a temporary place, as the dictionary describes it."""
    return name.replace("(*)", "").replace("(Temp)", "").strip()
