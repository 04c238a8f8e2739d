"""A month of I-94 records as columns: any number of rows in seconds, the same ones every time.

Nothing is copied from real data. Shares (a seventh without gender, one in twenty without departure,
four in a hundred by land) come from looking at the published sample of April 2016.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SEED = 1994
SAS_EPOCH = date(1960, 1, 1)
ROW_GROUP = 250_000
_TABLE_BITS = 12

# Weights in thousandths; None is a blank. They need not add up.
CITIZENSHIPS = {
    135: 115, 209: 68, 245: 60, 582: 57, 148: 50, 111: 50, 438: 47, 254: 38, 213: 37, 689: 33,
    123: 30, 687: 24, 112: 52, 276: 40, 129: 20, 117: 25, 130: 15, 691: 20, 692: 6, 696: 14,
    258: 5, 260: 9, 464: 12, 131: 14, 103: 9, 104: 10, 108: 11, 124: 10, 158: 12, 264: 6, 251: 12,
    373: 6, 343: 8, 577: 8, 585: 10, 584: 5, 514: 7, 999: 1, 0: 1,
}  # fmt: skip
PORTS = {
    "NYC": 155, "MIA": 111, "LOS": 106, "SFR": 55, "CHI": 45, "NEW": 45, "HHW": 44, "ORL": 39,
    "ATL": 37, "HOU": 31, "FTL": 27, "WAS": 25, "BOS": 24, "DAL": 23, "AGA": 27, "SEA": 16,
    "DET": 15, "PHI": 14, "LVG": 12, "SAI": 11, "TOR": 16, "VCV": 8, "NIA": 9, "BLA": 8, "CHM": 6,
    "PHU": 3, "XXX": 1,
}  # fmt: skip
STATES = {
    "FL": 188, "CA": 163, "NY": 161, "HI": 53, "TX": 42, "NV": 34, "IL": 31, "GU": 27, "MA": 26,
    "NJ": 20, "GA": 19, "WA": 18, "VA": 12, "PA": 11, "MI": 10, "DC": 9, "AZ": 9, "CO": 8, "NC": 8,
    "PR": 4, "WY": 1, "AK": 1, "99": 3, None: 59,
}  # fmt: skip
MODES = {1: 962, 2: 10, 3: 26, 9: 2}
VISAS = {
    "WT": 443, "B2": 356, "WB": 91, "B1": 61, "GMT": 27, "F1": 10, "CP": 5, "E2": 3, "F2": 3,
    "M1": 1,
}  # fmt: skip
PURPOSES = {
    "WT": 2, "B2": 2, "WB": 1, "B1": 1, "GMT": 2, "F1": 3, "CP": 2, "E2": 1, "F2": 3, "M1": 3,
}  # fmt: skip
_DAYS_ALLOWED = {"WT": 89, "WB": 89, "GMT": 44, "B2": 183, "B1": 183, "E2": 730, "CP": 365}
_WITHOUT_VISA = ("WT", "WB", "GMT")
_POSTS = {"MEX": 90, "BNS": 70, "SPL": 45, "BGT": 45, "GUZ": 40, "SHG": 40, "TLV": 35, "BEJ": 30}
_AIRLINES = {
    "AA": 109, "UA": 84, "DL": 77, "BA": 53, "LH": 45, "VS": 43, "JL": 24, "AF": 21, "KE": 21,
    "EK": 19, "Y4": 19, "*GA": 2, None: 33,
}  # fmt: skip
_ARRIVAL_FLAGS = {"G": 757, "O": 140, "A": 34, "Z": 26, "T": 26, "K": 6, "P": 5, "H": 4, "U": 2}
_DEPARTURE_FLAGS = {"O": 850, "I": 39, "D": 29, "K": 27, "N": 26, "Q": 18, "R": 10, "W": 3}
_GENDERS = {"M": 471, "F": 386, "X": 2, None: 141}
_OCCUPATIONS = {None: 996, "STU": 2, "PHA": 1, "OTH": 1}
_STAYS = {
    1: 40, 2: 60, 3: 90, 4: 95, 5: 95, 6: 90, 7: 110, 8: 75, 9: 55, 10: 50, 12: 45, 14: 70, 16: 30,
    18: 20, 21: 30, 28: 20, 35: 10, 60: 8, 88: 6, None: 49,
}  # fmt: skip


class Draw:
    """Columns of random values; the order of the calls decides what each gets."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows = rows
        self._random = random.Random(seed)  # noqa: S311  (sample data, no secret)

    def bits(self) -> pa.Array:
        """Return unsigned numbers of 32 bits."""
        content = pa.py_buffer(self._random.randbytes(4 * self.rows))
        return pa.Array.from_buffers(pa.uint32(), self.rows, [None, content])

    def below(self, limit: int) -> pa.Array:
        """Return whole numbers from 0 to ``limit`` - 1."""
        spread = pc.multiply(self.bits().cast(pa.uint64()), pa.scalar(limit, pa.uint64()))
        return pc.shift_right(spread, pa.scalar(32, pa.uint64())).cast(pa.int64())

    def pick(self, weights: Mapping[Any, int]) -> pa.Array:
        """Return values by their weights, rounded to parts of 4096."""
        size, total, so_far = 2**_TABLE_BITS, sum(weights.values()), 0
        table: list[object] = []
        for value, weight in weights.items():
            so_far += weight
            table += [value] * (so_far * size // total - len(table))
        places = pc.shift_right(self.bits(), pa.scalar(32 - _TABLE_BITS, pa.uint32()))
        return pa.array(table).take(places)


def month_table(month: date, rows: int, seed: int = SEED) -> pa.Table:
    """Return the 28 columns of a month's file, as its SAS data become Parquet: doubles and texts.

    ``month`` is its first day. Every record keeps the contract and has a number of its own.
    """
    draw = Draw(rows, seed + month.year * 12 + month.month)
    days = calendar.monthrange(month.year, month.month)[1]
    first = (month - SAS_EPOCH).days
    arrived = pc.add(draw.below(days), first)
    stay = draw.pick(_STAYS)
    departed = pc.add(arrived, stay)
    citizenship = draw.pick(CITIZENSHIPS)
    elsewhere = draw.pick(CITIZENSHIPS)
    at_home = pc.less(draw.below(100), 93)
    visa = draw.pick(VISAS)
    age = pc.shift_right(pc.add(draw.below(95), draw.below(95)), 1)
    post = pc.if_else(pc.is_in(visa, pa.array(_WITHOUT_VISA)), None, draw.pick(_POSTS))
    departure_flag = pc.if_else(pc.is_valid(departed), draw.pick(_DEPARTURE_FLAGS), None)
    # Numbers grow by 1 to 3: a month's file is what is left of more records.
    numbers = pc.cumulative_sum(pc.add(draw.below(3), 1))
    admissions = pc.add(pc.multiply(numbers, 29), 54_000_000_000 + 1_000_000_000 * month.month)
    flights = pa.array([f"{number:05}" for number in range(1, 2000)]).take(draw.below(1999))
    columns = {
        "cicid": numbers,
        "i94yr": _constant(rows, month.year),
        "i94mon": _constant(rows, month.month),
        "i94cit": citizenship,
        "i94res": pc.if_else(at_home, citizenship, elsewhere),
        "i94port": draw.pick(PORTS),
        "arrdate": arrived,
        "i94mode": draw.pick(MODES),
        "i94addr": draw.pick(STATES),
        "depdate": departed,
        "i94bir": age,
        "i94visa": _looked_up(visa, PURPOSES),
        "count": _constant(rows, 1),
        "dtadfile": _texts(arrived, first, days, "%Y%m%d"),
        "visapost": post,
        "occup": draw.pick(_OCCUPATIONS),
        "entdepa": draw.pick(_ARRIVAL_FLAGS),
        "entdepd": departure_flag,
        "entdepu": pa.nulls(rows, pa.string()),
        "matflag": pc.if_else(pc.is_valid(departed), "M", None),
        "biryear": pc.subtract(month.year, age),
        "dtaddto": _admitted_until(arrived, visa, first, days),
        "gender": draw.pick(_GENDERS),
        "insnum": pa.nulls(rows, pa.string()),
        "airline": draw.pick(_AIRLINES),
        "admnum": admissions,
        "fltno": flights,
        "visatype": visa,
    }
    return pa.table(
        {
            name: values.cast(pa.float64()) if pa.types.is_integer(values.type) else values
            for name, values in columns.items()
        }
    )


def write_month(path: Path, month: date, rows: int, seed: int = SEED) -> None:
    """Write a month's file of so many rows as Parquet, with several row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(month_table(month, rows, seed), path, row_group_size=ROW_GROUP)


def _constant(rows: int, value: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.int64()), rows)


def _looked_up(keys: pa.Array, values: Mapping[str, int]) -> pa.Array:
    places = pc.index_in(keys, pa.array(list(values)))
    return pa.array(list(values.values()), pa.int64()).take(places)


def _texts(days: pa.Array, first: int, count: int, form: str) -> pa.Array:
    """Return days since 1960 as texts; ``first`` is the least of them."""
    start = SAS_EPOCH + timedelta(days=first)
    table = [(start + timedelta(days=at)).strftime(form) for at in range(count)]
    return pa.array(table).take(pc.subtract(days, first))


def _admitted_until(arrived: pa.Array, visa: pa.Array, first: int, days: int) -> pa.Array:
    """Return the end of the stay as it is written down: a date, ``D/S`` for students."""
    allowed = _looked_up(visa, _DAYS_ALLOWED)
    last = pc.add(arrived, pc.fill_null(allowed, 0))
    dates = _texts(last, first, days + max(_DAYS_ALLOWED.values()), "%m%d%Y")
    return pc.if_else(pc.is_valid(allowed), dates, "D/S")
