"""Invented stations on Chicago's map: names, positions, how busy each one is."""

from __future__ import annotations

import random
from dataclasses import dataclass

STATIONS = 120
LISTED = 114
"""Stations that the station list has; the others opened after it."""

_LOOP = (41.882, -87.630)
_STREETS = (
    "Alder", "Amsel", "Beacon", "Bellweather", "Birchwood", "Brandt", "Calder", "Cedar Hill",
    "Corliss", "Dunmore", "Elmgrove", "Fairlane", "Fulmar", "Gannet", "Garland", "Harbor View",
    "Hawthorn", "Inglewood", "Juniper", "Kestrel", "Kingsway", "Larkspur", "Linden", "Marlowe",
    "Merganser", "Norwood", "Oakhurst", "Orchard", "Pemberton", "Quarry", "Redwing", "Rosalind",
    "Sandpiper", "Sorrel", "Tamarack", "Thornton", "Umber", "Vesper", "Whitby", "Yarrow",
)  # fmt: skip
_KINDS = ("St", "Ave", "Blvd", "Pl", "Dr")
_NON_ASCII = (
    "Plaza Peñasco", "Łódź Ave & Linden St", "Dvořák Park", "Café Noël & Harbor View Dr",
    "São Tomé St & Alder Ave", "Żeromski Square", "Grünwald Blvd & Quarry Pl", "Niño Perdido Ave",
    "中華廣場", "Ångström St & Yarrow Ave",
)  # fmt: skip


@dataclass(frozen=True)
class Station:
    """A station: the publisher's number, its clean name, its position, its docks and its pull."""

    number: int
    name: str
    latitude: float
    longitude: float
    docks: int
    weight: float


def invent_stations(rng: random.Random) -> list[Station]:
    """Return the same stations for the same random generator; the busiest are near the Loop."""
    names = list(_NON_ASCII)
    while len(names) < STATIONS:
        first, second = rng.sample(_STREETS, 2)
        name = f"{first} {rng.choice(_KINDS)} & {second} {rng.choice(_KINDS)}"
        if name not in names:
            names.append(name)
    rng.shuffle(names)
    stations = []
    for at, name in enumerate(names):
        # Denser near the centre, and never in the lake, which lies east of -87.61.
        latitude = round(_LOOP[0] + rng.gauss(0, 0.045), 6)
        longitude = round(min(_LOOP[1] + rng.gauss(-0.02, 0.03), -87.612), 6)
        distance = abs(latitude - _LOOP[0]) + abs(longitude - _LOOP[1])
        weight = min(rng.paretovariate(1.6), 4) / (0.04 + distance)
        docks = rng.choice((11, 15, 15, 19, 19, 23, 27, 35, 47))
        stations.append(Station(2 + 5 * at, name, latitude, longitude, docks, weight))
    return stations
