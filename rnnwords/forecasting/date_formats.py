"""Formats of dates: `DATE_FORMATS` by name, each a function from a cell to a date in UTC or without an offset.

The functions take cells that `clean` has returned, and raise ValueError for those that are no such date. A
month, quarter or week stands for its first day.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from rnnwords.forecasting.month_names import fold, months_as_numbers

MAX_LENGTH = 80  # characters of a date
EPOCH = datetime(1970, 1, 1)
_SERIAL = datetime(1899, 12, 30)  # day 0 of spreadsheets
_UNITS = {"epoch seconds": 1, "epoch milliseconds": 10**3, "epoch microseconds": 10**6, "epoch nanoseconds": 10**9}
_EPOCHS = (300_000_000, 4_200_000_000)  # seconds: 1979 to 2103
_CLOCK = (
    r"(?P<H>\d{1,2})(?:[:h](?P<M>\d\d)|[.](?P<M2>\d\d)(?=[. ]|$))?"
    r"(?:[:.](?P<S>\d\d)(?:[.,:](?P<F>\d{1,9}))?)?(?: ?(?P<half>[ap])\.? ?m\b\.?)?"
)
_ZONE = r"(?: ?(?:z|utc|gmt))?(?: ?(?P<offset>[+-]\d\d:?\d\d))?(?: ?\([^()]*\))?"
_TIME = re.compile(rf"(?:^|[t :]+){_CLOCK}{_ZONE}$")
_TIME_FIRST = re.compile(r"^(\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?) (?=\S*\d)(.+)$")
_EAST_ASIAN = str.maketrans("年月日년월일", "--\u0020--\u0020")
# Tried in this order. The month is before the day where both fit, and a year has four digits where both fit.
_DAYS = {
    "year-month-day": r"(?P<y>\d{4})(?P<s>[-/. ]) ?(?P<m>\d{1,2})(?P=s) ?(?P<d>\d{1,2})",
    "month/day/year": r"(?P<m>\d{1,2})(?P<s>[-/])(?P<d>\d{1,2})(?P=s)(?P<y>\d{4})",
    "day/month/year": r"(?P<d>\d{1,2})(?P<s>[-/. ])(?P<m>\d{1,2})(?P=s)(?P<y>\d{4})",
    "day. month. year": r"(?P<d>\d{1,2})\. (?P<m>\d{1,2})\. (?P<y>\d{4})",
    "month/day/year of two digits": r"(?P<m>\d{1,2})(?P<s>[-/])(?P<d>\d{1,2})(?P=s)(?P<y>\d\d)",
    "day/month/year of two digits": r"(?P<d>\d{1,2})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<y>\d\d)",
    "year of two digits/month/day": r"(?P<y>\d\d)(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})",
    "day month-name year": r"(?P<d>\d{1,2})[-/. ]*m(?P<m>\d\d)[-/. ,]*(?P<y>\d{4}|\d\d)",
    "month-name day year": r"m(?P<m>\d\d)[-/. ]*(?P<d>\d{1,2})[-/. ,]+(?P<y>\d{4}|\d\d)",
    "month-name day time year": r"m(?P<m>\d\d) (?P<d>\d{1,2}) (?P<t>[\d:]+)(?: utc| gmt)? (?P<y>\d{4})",
    "year month-name day": r"(?P<y>\d{4})[-/. ]*m(?P<m>\d\d)[-/. ]*(?P<d>\d{1,2})",
    "yearmonthday": r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
    "yearmonthdaytime": r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)[t_ ]?(?P<t>\d{4}(?:\d\d)?)",
}
_PERIODS = {
    "month-name year": r"m(?P<m>\d\d)[-/. ,'’]*(?P<y>\d{4}|\d\d)",
    "year month-name": r"(?P<y>\d{4})[-/. ]*m(?P<m>\d\d)",
    "year-month": r"(?P<y>\d{4})[-/. ](?P<m>\d{1,2})-?",
    "month/year": r"(?P<m>\d{1,2})[-/. ](?P<y>\d{4})",
    "year-quarter": r"(?P<y>\d{4})[-/. ]*[qtk][. ]?(?P<q>[1-4])",
    "quarter-year": r"[qtk][. ]?(?P<q>[1-4])[-/. ']*(?P<y>\d{4}|\d\d)",
    "number of the quarter-year": r"(?P<q>[1-4])[-. ]*[qtk][-/. ]*(?P<y>\d{4}|\d\d)",
    "year-week": r"(?P<y>\d{4})[-/. ]*(?:w|kw|week|s|v)[. ]?(?P<w>\d{1,2})(?:-(?P<wd>[1-7]))?",
    "week-year": r"(?:w|kw|week|s|v)[. ]*(?P<w>\d{1,2})[-/. ]+(?P<y>\d{4})",
    "yearmonth": r"(?P<y>\d{4})(?P<m>\d\d)",
    "year": r"(?P<y>\d{4})-?(?:\.0)?",
}
_NUMERIC = re.compile(r"\d+(?:[.,]\d+)?")


def clean(cell: str) -> str:
    """Return a cell in lower case, with m01 for January, one space between words, and no commas after words."""
    text = cell.strip().lstrip("'").translate(_EAST_ASIAN)
    if len(text) > MAX_LENGTH:
        return ""
    if not text.isascii() or any(map(str.isalpha, text)):
        text = months_as_numbers(fold(text))
    text = " ".join(re.sub(r",(?!\d)|(?<!\d),", " ", text).split())
    return _TIME_FIRST.sub(r"\2 \1", text)


def _year(text: str) -> int:
    """Return a year; one of two digits lies between 1969 and 2068, as in POSIX."""
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year > 68 else 2000)


def _time(text: str) -> timedelta | None:
    """Return the time since midnight, minus an offset from UTC; None if the text is not a time."""
    if not text:
        return timedelta()
    if not (match := _TIME.match(text)):
        return None
    hour, minute = int(match["H"]), int(match["M"] or match["M2"] or 0)
    if not (match["M"] or match["M2"] or match["half"]):
        return None
    if half := match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half == "p")
    second = int(match["S"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    time = timedelta(
        hours=hour, minutes=minute, seconds=second, microseconds=int((match["F"] or "0").ljust(6, "0")[:6])
    )
    if offset := match["offset"]:
        sign = -1 if offset[0] == "-" else 1
        time -= sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return time


def _iso(cell: str) -> datetime:
    """Return an ISO 8601 date. Raises ValueError; also for long numbers, which are seconds."""
    if len(cell) > 8 and cell.isdigit():
        raise ValueError(cell)
    date = datetime.fromisoformat(cell.upper())
    return date.astimezone(UTC).replace(tzinfo=None) if date.tzinfo else date


def _by_pattern(pattern: re.Pattern[str], cell: str) -> datetime:
    """Return the date that the groups of a pattern show, with the time after it. Raises ValueError."""
    if not (match := pattern.match(cell)):
        raise ValueError(cell)
    parts = match.groupdict()
    rest = cell[match.end() :]
    if "d" in parts:
        between = parts.get("t") or ""
        if between.isdigit():
            between = ":".join(between[at : at + 2] for at in range(0, len(between), 2))
        day, time = int(parts["d"]), _time(between or rest)
    else:
        day, time = 1, None if rest else timedelta()
    year = _year(parts["y"])
    if time is None or not 1500 <= year < 2200:
        raise ValueError(cell)
    if "w" in parts:
        return datetime.fromisocalendar(year, int(parts["w"]), int(parts.get("wd") or 1))
    month = int(parts["q"]) * 3 - 2 if "q" in parts else int(parts.get("m") or 1)
    return datetime(year, month, day) + time


def _epoch(per_second: int, cell: str) -> datetime:
    """Return the date that a number counts from 1970 in UTC. Raises ValueError for one before 1979 or after 2103."""
    if not _NUMERIC.fullmatch(cell) or len(cell) > 30:
        raise ValueError(cell)
    whole, _, fraction = cell.replace(",", ".").partition(".")
    seconds, rest = divmod(int(whole), per_second)
    if not _EPOCHS[0] <= seconds <= _EPOCHS[1]:
        raise ValueError(cell)
    micros = rest * 10**6 // per_second + (int(fraction.ljust(6, "0")[:6]) if fraction and per_second == 1 else 0)
    return EPOCH + timedelta(seconds=seconds, microseconds=micros)


def _serial(cell: str) -> datetime:
    """Return the date of a day number of spreadsheets, from 1954 to 2119. Raises ValueError."""
    days = float(cell.replace(",", ".")) if _NUMERIC.fullmatch(cell) else 0.0
    if not 20_000 <= days <= 80_000:
        raise ValueError(cell)
    return (_SERIAL + timedelta(days=days) + timedelta(milliseconds=500)).replace(microsecond=0)


def time_of_day(cell: str) -> timedelta | None:
    """Return the time in a cell without a date; None if it has none."""
    text = clean(cell)
    return _time(text) if ":" in text else None


DATE_FORMATS: dict[str, Callable[[str], datetime]] = {
    "iso": _iso,
    **{name: partial(_by_pattern, re.compile(pattern)) for name, pattern in (_DAYS | _PERIODS).items()},
    **{name: partial(_epoch, per_second) for name, per_second in _UNITS.items()},
    "day number of a spreadsheet": _serial,
}
NUMBERS_ONLY = frozenset({"yearmonth", "year", "yearmonthday", *_UNITS, "day number of a spreadsheet"})
