"""Dates and times of text files: COPY's DATEFORMAT and TIMEFORMAT.

https://docs.aws.amazon.com/redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html
https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from infra.local.redshift.commands.load_errors import Code, Fault

DEFAULT_DATE = "YYYY-MM-DD"
DEFAULT_TIMESTAMP = "YYYY-MM-DD HH24:MI:SS"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH_NAME = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
# The parts of a format, longest first, and what they match.
_PARTS = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short_year>\d{2})",
    "MONTH": rf"(?P<month_name>{_MONTH_NAME})",
    "MON": rf"(?P<month_name>{_MONTH_NAME})",
    "MM": r"(?P<month>\d{2})",
    "DD": r"(?P<day>\d{2})",
    "HH24": r"(?P<hour>\d{2})",
    "HH12": r"(?P<hour12>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "MI": r"(?P<minute>\d{2})",
    "SS": r"(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?",
    "AM": r"(?P<half>[ap]m)",
    "PM": r"(?P<half>[ap]m)",
}
_PART = re.compile("|".join(_PARTS), re.IGNORECASE)
_ZONES = {"utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7}
_ZONES |= {"mdt": -6, "pst": -8, "pdt": -7}
_ZONE = r"(?:\s*(?P<zone>z|utc|gmt|[ecmp][sd]t|[+-]\d{1,2}(?::?\d{2})?))?"
_CLOCK = (
    r"(?:(?:t|\s+)(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})"
    r"(?:\.(?P<fraction>\d{1,9}))?)?(?:\s*(?P<half>[ap]m))?" + _ZONE + ")?"
)
_Y, _M, _D = r"(?P<year>\d{4})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
_N = rf"(?P<month_name>{_MONTH_NAME})"
# What 'auto' recognises, in this order; dates with a numeric month read month before day.
_AUTO = [
    re.compile(pattern + r"(?:\s+(?P<era>bc))?\s*", re.IGNORECASE)
    for pattern in (
        rf"\s*{_Y}[-/]{_M}[-/]{_D}{_CLOCK}",
        rf"\s*{_Y}\.(?P<day_of_year>\d{{3}}){_CLOCK}",
        rf"\s*{_Y}\.{_M}\.{_D}{_CLOCK}",
        rf"\s*{_Y}(?P<month>\d{{2}})(?P<day>\d{{2}}){_CLOCK}",
        rf"\s*(?P<short_year>\d{{2}})(?P<month>\d{{2}})(?P<day>\d{{2}}){_CLOCK}",
        rf"\s*{_M}[-/.]{_D}[-/.]{_Y}{_CLOCK}",
        rf"\s*{_M}[-/.]{_D}[-/.](?P<short_year>\d{{2}}){_CLOCK}",
        rf"\s*{_D}\.{_M}\.{_Y}{_CLOCK}",
        rf"\s*{_N}[-\s]{_D}[-,\s]\s*{_Y}{_CLOCK}",
        rf"\s*{_N}[-\s]{_D}[-,\s]\s*(?P<short_year>\d{{2}}){_CLOCK}",
        rf"\s*{_D}[-\s]{_N}[-\s]{_Y}{_CLOCK}",
        rf"\s*{_Y}[-\s]{_N}[-\s]{_D}{_CLOCK}",
        rf"\s*{_D}\s+{_N}\s+(?P<hour>\d{{2}}):(?P<minute>\d{{2}}):(?P<second>\d{{2}})"
        rf"(?:\.(?P<fraction>\d{{1,9}}))?\s+{_Y}{_ZONE}",
        rf"\s*j(?P<julian>\d{{1,7}}){_CLOCK}",
    )
]
# The Julian day of 0001-01-01 less one: date.fromordinal counts from there.
_JULIAN = 1_721_425
_EPOCH = datetime(1970, 1, 1)


@functools.lru_cache(maxsize=64)
def pattern(text: str) -> re.Pattern[str]:
    """A DATEFORMAT or TIMEFORMAT string as a regular expression."""
    out, position = "", 0
    for match in _PART.finditer(text):
        out += re.escape(text[position : match.start()]) + _PARTS[match.group().upper()]
        position = match.end()
    return re.compile(out + re.escape(text[position:]), re.IGNORECASE)


def _moment(match: re.Match[str]) -> tuple[datetime, str | None]:
    """The moment and the zone that a match says; raises ValueError for impossible ones."""
    found = match.groupdict()
    clock = _clock(found)
    if found.get("julian"):
        day = date.fromordinal(int(found["julian"]) - _JULIAN)
    elif found.get("day_of_year"):
        day = date(int(found["year"]), 1, 1) + timedelta(int(found["day_of_year"]) - 1)
    else:
        if found.get("era"):
            raise ValueError("years before Christ")
        if found.get("short_year"):
            short = int(found["short_year"])
            year = short + (2000 if short < 70 else 1900)
        else:
            year = int(found.get("year") or 1)
        name = found.get("month_name")
        month = _MONTHS.index(name[:3].lower()) + 1 if name else int(found.get("month") or 1)
        day = date(year, month, int(found.get("day") or 1))
    return datetime.combine(day, datetime.min.time()) + clock, found.get("zone")


def _clock(found: dict[str, str | None]) -> timedelta:
    hour = int(found.get("hour") or found.get("hour12") or 0)
    half = found.get("half")
    if half or found.get("hour12"):
        if not 1 <= hour <= 12:
            raise ValueError("hours of half a day are 1 to 12")
        hour = hour % 12 + (12 if half and half.lower() == "pm" else 0)
    minute, second = int(found.get("minute") or 0), int(found.get("second") or 0)
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError("no such time")
    fraction = (found.get("fraction") or "").ljust(7, "0")
    micro = int(fraction[:6]) + (fraction[6] >= "5")
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micro)


def _offset(zone: str) -> timedelta:
    known = _ZONES.get(zone.lower())
    if known is not None:
        return timedelta(hours=known)
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 15 or minutes > 59:
        raise ValueError("no such zone")
    return (timedelta(hours=hours, minutes=minutes)) * (-1 if zone[0] == "-" else 1)


def _auto(text: str) -> tuple[datetime, str | None]:
    for candidate in _AUTO:
        match = candidate.fullmatch(text)
        if match is not None:
            try:
                return _moment(match)
            except (ValueError, OverflowError):
                continue
    raise ValueError("no format fits")


def date_reader(form: str | None) -> Callable[[str], date]:
    """What reads a DATE in a DATEFORMAT (None: the default); it raises Fault."""
    shown = form or DEFAULT_DATE

    def read(text: str) -> date:
        if form == "auto":
            try:
                return _auto(text)[0].date()
            except (ValueError, OverflowError):
                raise Fault(Code.DATE, "Invalid Date Format") from None
        match = pattern(shown).fullmatch(text.strip())
        # A date format may go with values that carry a time, which is ignored.
        match = match or pattern(shown + " HH24:MI:SS").fullmatch(text.strip())
        if match is None:
            short = form is None and len(text.strip()) < 10
            reason = " - length must be 10 or more" if short else f" [{shown}]"
            raise Fault(Code.DATE, f"Invalid Date Format{reason}")
        try:
            return _moment(match)[0].date()
        except (ValueError, OverflowError):
            raise Fault(Code.DATE, f"Invalid Date Value [{shown}]") from None

    return read


def timestamp_reader(form: str | None, zoned: bool) -> Callable[[str], datetime]:
    """What reads a TIMESTAMP (or, zoned, a TIMESTAMPTZ) as UTC without zone; it raises Fault."""
    shown = form or DEFAULT_TIMESTAMP + ("OF" if zoned else "")
    expression = re.compile(pattern(form or DEFAULT_TIMESTAMP).pattern, re.IGNORECASE)
    if form is None and zoned:
        expression = re.compile(expression.pattern + _ZONE, re.IGNORECASE)

    def read(text: str) -> datetime:
        try:
            if form in ("epochsecs", "epochmillisecs"):
                return _since_epoch(text, 1 if form == "epochsecs" else 1000)
            if form == "auto":
                moment, zone = _auto(text)
            else:
                match = expression.fullmatch(text.strip())
                if match is None:
                    raise ValueError(text)
                moment, zone = _moment(match)
            # As PostgreSQL: a zone in a TIMESTAMP is read and ignored.
            return moment - _offset(zone) if zone and zoned else moment
        except (ValueError, OverflowError, ArithmeticError):
            raise Fault(Code.TIMESTAMP, f"Invalid timestamp format or value [{shown}]") from None

    return read


def _since_epoch(text: str, unit: int) -> datetime:
    """A count of seconds or milliseconds since 1970, with fractions."""
    whole, _, fraction = text.strip().partition(".")
    if not re.fullmatch(r"-?\d+", whole) or (fraction and not fraction.isdigit()):
        raise ValueError(text)
    micro = int(whole + fraction.ljust(6, "0")[:6]) // unit
    return _EPOCH + timedelta(microseconds=micro)
