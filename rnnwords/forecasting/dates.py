"""The dates of the rows of a table: which column has them, and in which format.

A column has dates if its title names them (in one of many languages), or if most of its cells look like dates. The
format fits every row and makes the dates ascend. Of several, such as 3/1/2020 with the month or the day first, it is
the one with the most even steps; of equal ones the month is first, and a note states both. A column of times without
dates is joined to the dates.

Nothing is ignored silently: a column of dates that cannot be read, dates that occur twice, and gaps are warnings; dates
that fall are an error.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rnnwords.config import shown
from rnnwords.errors import CorpusError
from rnnwords.forecasting.date_formats import DATE_FORMATS, NUMBERS_ONLY, clean, time_of_day
from rnnwords.forecasting.month_names import fold

Warn = Callable[[str], None]
_TITLES = """
date datetime timestamp ts dt time day month year week quarter period epoch unix datum zeit zeitpunkt zeitstempel tag
monat jahr woche quartal uhrzeit jour mois annee semaine trimestre horodatage fecha dia mes ano hora periodo data giorno
anno mese ora dag maand jaar tid ar manad dzien miesiac rok czas дата время месяц год день dato maned tarih 日付 年月日
日期 時間 时间 날짜 buchungstag valuta
"""
_TITLE_WORDS = frozenset(_TITLES.split())
_LIKE_A_DATE = re.compile(r"\d{1,4}([-/.]) ?\d{1,2}\1 ?\d{1,4}(?!\d)|\d{4}[-/]\d{1,2}$|\d{1,2}/\d{4}$|\d+[年년]")
_LIKE_A_MONTH = re.compile(r"m\d\d\b|^\d{4}[- ]?[qw]\d|^(?:kw|w|week) ?\d|^q[1-4]\b|^\d{1,2}:\d\d")
MAX_LIKE = 60  # characters of a cell that looks like a date
USUAL_STEPS = 5  # a gap of more is stated: in daily prices, holidays next to weekends give up to 5


@dataclass(frozen=True)
class Dates:
    """The dates of all rows, in one format."""

    column: str
    format: str
    days: list[datetime]

    def when(self, row: int) -> str:
        """Return a date as ISO 8601, with the time if it has one."""
        day = self.days[row]
        return day.isoformat() if any((day.hour, day.minute, day.second)) else day.date().isoformat()


def looks_like_date(cell: str) -> bool:
    """Return whether a cell looks like a date, in whichever format; plain numbers do not."""
    text = cell.strip()
    if not text or len(text) > MAX_LIKE or not any(map(str.isdigit, text)):
        return False
    return bool(_LIKE_A_DATE.match(text) or _LIKE_A_MONTH.search(clean(text)))


def is_date_title(title: str) -> bool:
    """Return whether a title names dates."""
    words = re.split(r"[\W\d_]+", fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title[:200])))
    return any(word in _TITLE_WORDS or word.endswith("datum") for word in words)


def find_dates(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int], first: str | None = None,
    warn: Warn = lambda message: None,
) -> Dates | None:  # fmt: skip
    """Return the dates of the rows of the file `name`, from the first column that has dates; None if there is none.

    `lines` are the line numbers of the rows; the format `first` is tried first. `warn` is called with a line for all
    that is unusual. Raises CorpusError for dates that descend.
    """
    columns = [[row[at].strip() for row in rows] for at in range(len(header))]
    named = sorted((at for at, title in enumerate(header) if is_date_title(title)), key=lambda at: _clock(columns[at]))
    others = [
        at for at, cells in enumerate(columns)
        if at not in named and sum(map(looks_like_date, cells[:200])) * 2 > len(cells[:200])
    ]  # fmt: skip
    for at in [*named, *others]:
        column = _Column(name, header[at], columns[at], lines)
        parsed = column.parsed(first)
        if clock := next((cells for one, cells in enumerate(columns) if one != at and _clock(cells)), None):
            parsed = {one: _with_times(days, clock) for one, days in parsed.items()}
        if not parsed:
            if at in others or not _is_elapsed(columns[at]):
                warn(column.unreadable())
            continue
        if dates := column.best(parsed, warn):
            column.state_oddities(dates, warn)
            return dates
        days = next(iter(parsed.values()))
        if at in named or all(b <= a for a, b in itertools.pairwise(days)):
            raise column.falling(days)
        warn(f"{name}: column {header[at][:80]} has dates that do not ascend; the values count as in order of the rows")
    return None


@dataclass(frozen=True)
class _Column:
    """A column that may have dates."""

    name: str  # of the file
    title: str
    cells: Sequence[str]
    lines: Sequence[int]

    def parsed(self, first: str | None) -> dict[str, list[datetime]]:
        """Return the dates in each format that fits all cells; `first` and the more usual ones first."""
        formats = [first, *DATE_FORMATS] if first in DATE_FORMATS else DATE_FORMATS
        cells = [clean(cell) for cell in self.cells]
        found = {one: days for one in formats if one and (days := _in_format(cells, one)) is not None}
        if len(found) > 1 and not set(found) <= NUMBERS_ONLY:
            found = {one: days for one, days in found.items() if one not in NUMBERS_ONLY or one == first}
        return found

    def best(self, parsed: dict[str, list[datetime]], warn: Warn) -> Dates | None:
        """Return the dates in the best format in which they ascend; None if there is none."""
        ascending = {one: days for one, days in parsed.items() if all(a <= b for a, b in itertools.pairwise(days))}
        if not ascending:
            return None
        evenness = {one: _evenness(days) for one, days in ascending.items()}
        form = max(ascending, key=lambda one: evenness[one])
        for other, days in ascending.items():
            if days != ascending[form] and evenness[other] == evenness[form] and "/day" in form + other:
                at = next(row for row, day in enumerate(days) if day != ascending[form][row])
                warn(
                    f"{self.name}: dates like {self.cells[at]} are read as {form}, but {other} fits as well; write "
                    "them as YYYY-MM-DD if that is meant"
                )
                break
        return Dates(self.title, form, ascending[form])

    def state_oddities(self, dates: Dates, warn: Warn) -> None:
        """Call `warn` for equal dates and for gaps."""
        steps = [b - a for a, b in itertools.pairwise(dates.days)]
        if equal := [row for row, step in enumerate(steps) if not step]:
            warn(
                f"{self.name}: {len(equal):,} of {len(dates.days):,} rows have the date of the row before, such as "
                f"{dates.when(equal[0])} in lines {self.lines[equal[0]]} and {self.lines[equal[0] + 1]}; if the file "
                "holds several series, keep the rows of one"
            )
        if usual := Counter(step for step in steps if step).most_common(1):
            step = usual[0][0] if steps.count(usual[0][0]) > 1 else sorted(steps)[len(steps) // 2]
            gaps = [row for row, one in enumerate(steps) if one > step * (USUAL_STEPS if step >= timedelta(1) else 1.5)]
            if gaps and step and len(gaps) * 4 < len(steps):
                row = max(gaps, key=lambda one: steps[one])
                warn(
                    f"{self.name}: the dates have {len(gaps):,} gap{'s' * (len(gaps) > 1)}, the longest from "
                    f"{dates.when(row)} to {dates.when(row + 1)}; the values count as evenly spaced"
                )

    def falling(self, days: Sequence[datetime]) -> CorpusError:
        """Return the error for dates that descend."""
        at = next(row for row in range(1, len(days)) if days[row] < days[row - 1])
        clock = ", or write times with their offset from UTC" if days[at - 1] - days[at] <= timedelta(hours=1) else ""
        return CorpusError(
            f"{self.name}, line {self.lines[at]}, column {self.title[:80]}: expected the oldest first, found "
            f"{self.cells[at][:80]} after {self.cells[at - 1][:80]}; sort the file by its dates{clock}"
        )

    def unreadable(self) -> str:
        """Return the warning for a column in no known format: the first cell that the best format does not fit."""
        cells = [clean(cell) for cell in self.cells]
        fits = {one: sum(_in_format([cell], one) is not None for cell in cells[:200]) for one in DATE_FORMATS}
        best = max(fits, key=lambda one: fits[one])
        at = next(row for row, cell in enumerate(cells) if _in_format([cell], best) is None)
        return (
            f"{self.name}: column {self.title[:80]} is not understood as dates: {shown(self.cells[at])} in line "
            f"{self.lines[at]}; the values are numbered instead"
        )


def _in_format(cells: Sequence[str], form: str) -> list[datetime] | None:
    """Return all cells, which are clean, as dates; None if one is not a date of this format."""
    try:
        return [DATE_FORMATS[form](cell) for cell in cells]
    except (ValueError, OverflowError):
        return None


def _evenness(days: Sequence[datetime]) -> float:
    """Return the share of the most frequent step between dates, in months where all are of the same day."""
    same_day = len({(day.day, day.time()) for day in days}) == 1
    moments = [day.year * 12 + day.month for day in days] if same_day else [day.timestamp() for day in days]
    steps = Counter(b - a for a, b in itertools.pairwise(moments))
    return max(steps.values(), default=0) / max(1, len(days) - 1)


def _clock(cells: Sequence[str]) -> bool:
    """Return whether all cells are times without dates."""
    return all(time_of_day(cell) is not None for cell in cells)


def _with_times(days: Sequence[datetime], clock: Sequence[str]) -> list[datetime]:
    """Return dates with the times of another column, unless they have times of their own."""
    if any(day.time() != datetime.min.time() for day in days):
        return list(days)
    return [day + (time_of_day(cell) or timedelta()) for day, cell in zip(days, clock, strict=True)]


def _is_elapsed(cells: Sequence[str]) -> bool:
    """Return whether the cells are ascending numbers, such as seconds since the beginning."""
    try:
        numbers = [float(cell.replace(",", ".")) for cell in cells]
    except ValueError:
        return False
    return all(a < b for a, b in itertools.pairwise(numbers))
