"""The dates of a series: which column has them, and how they are written.

3/1/2017 can be two days. The form is one that fits every row and lets the dates rise; where two do, the month is first.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rnnwords.errors import CorpusError

# As strptime has them; "iso" is 2017-01-31, with or without a time.
FORMS = ("iso", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y",
         "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%m/%d/%Y %H:%M", "%Y-%m", "%Y")  # fmt: skip
_NAMES = ("date", "datetime", "timestamp", "time", "day", "month", "year")
_LIKE_A_DATE = re.compile(r"\d+[-/.]\d+[-/.]\d+|[A-Za-z]{3}")


@dataclass(frozen=True)
class Dates:
    """The dates of all rows, in one form."""

    column: str
    form: str
    days: list[datetime]


def find_dates(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int], form: str | None = None
) -> Dates | None:
    """The dates of the rows of file `name`, from the first column that has them; None if there is none.

    `lines` are those of the rows in the file; `form` is tried first. Raises CorpusError if the column that is named
    for its dates has them in falling order: forecasts go from old to new.
    """
    named = [column for known in _NAMES for column, title in enumerate(header) if title.lower() == known]
    others = [
        column for column in range(len(header)) if column not in named and _LIKE_A_DATE.search(rows[0][column].strip())
    ]
    for column in [*named, *others]:
        cells = [row[column].strip() for row in rows]
        forms = [form, *FORMS] if form else FORMS
        read = {form: days for form in forms if (days := _read(cells, form))}
        for one, days in read.items():
            if all(a <= b for a, b in itertools.pairwise(days)):
                return Dates(header[column], one, days)
        if read and column in named:
            days = next(iter(read.values()))
            at = next(row for row in range(1, len(days)) if days[row] < days[row - 1])
            raise CorpusError(
                f"{name}, line {lines[at]}, column {header[column]}: {cells[at]} stands behind {cells[at - 1]}; "
                "expected the oldest first: sort the file by its dates"
            )
    return None


def _read(cells: Sequence[str], form: str) -> list[datetime] | None:
    """All cells as dates, or None if one of them is none."""
    try:
        parse = datetime.fromisoformat if form == "iso" else lambda cell: datetime.strptime(cell, form)
        return [_naive(parse(cell)) for cell in cells]
    except (ValueError, OverflowError):
        return None


def _naive(date: datetime) -> datetime:
    """Times with an offset as UTC, so that all can be compared."""
    return date.astimezone(UTC).replace(tzinfo=None) if date.tzinfo else date
