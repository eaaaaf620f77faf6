"""Reads a column of numbers from a CSV file, strictly: errors name the line of a cell that is not a number.

The separator is the most frequent one of comma, semicolon and tab in the header. Numbers have a decimal point and may
have commas between thousands: 1,008.64, quoted where necessary.

The date 3/1/2017 has two meanings. Dates have a format that fits every row and makes them ascend; of two, the one with
the month first.
"""

import csv
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import shown
from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import digest_of
from rnnwords.text.corpus import BLOCK_SIZE, Corpus

MAX_NUMBER = 1e15  # rounding would hide the differences between larger ones
MAX_TITLES = 200  # characters of titles that an error shows
_NUMBER = re.compile(r"[+-]?(?=[0-9.])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
# Formats of strptime; "iso" is 2017-01-31, with or without a time.
FORMATS = ("iso", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y",
         "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%m/%d/%Y %H:%M", "%Y-%m", "%Y")  # fmt: skip
_NAMES = ("date", "datetime", "timestamp", "time", "day", "month", "year")
_LIKE_A_DATE = re.compile(r"\d+[-/.]\d+[-/.]\d+|[A-Za-z]{3}")


@dataclass(frozen=True)
class Dates:
    """The dates of all rows, in one format."""

    column: str
    format: str
    days: list[datetime]


@dataclass(frozen=True, eq=False)
class Series:
    """The numbers of one column, oldest first."""

    name: str  # of the file
    column: str
    values: NDArray[np.float64]  # (N,)
    dates: Dates | None
    digest: str  # SHA-256 of the bytes of the file

    def __len__(self) -> int:
        return len(self.values)

    def when(self, row: int) -> str:
        """Return the date of a value as ISO 8601, or in a file without dates its number, counted from 1."""
        if self.dates is None:
            return f"value {row % len(self) + 1:,}"
        day = self.dates.days[row]
        return day.isoformat() if any((day.hour, day.minute, day.second)) else day.date().isoformat()


def read_series(path: Path, column: str | None = None, like: Series | None = None) -> Series:
    """Return a column of a CSV file, `.gz` or `-`; without `column`, the only column of numbers.

    The format of the dates of the series `like` is tried first. Raises CorpusError for a missing column and for a cell
    that is empty or not a number up to MAX_NUMBER; UsageError if the column must be named.
    """
    corpus = Corpus([path])
    name = corpus.names[0]
    header, rows, lines = _table(name, _text(corpus))
    index = _column_index(name, header, rows, column)
    pairs = zip(rows, lines, strict=True)
    values = [_number(row[index], f"{name}, line {line}, column {header[index][:80]}") for row, line in pairs]
    titles, *others = [row[:index] + row[index + 1 :] for row in (header, *rows)]
    dates = find_dates(name, titles, others, lines, like.dates.format if like and like.dates else None)
    return Series(name, header[index], np.array(values), dates, digest_of(corpus.paths))


def _text(corpus: Corpus) -> str:
    """Return the whole file. Raises CorpusError for invalid UTF-8, and for a line longer than a block of the corpus."""
    blocks = []
    for block in corpus.blocks():
        if b"\n" not in block.data:
            raise CorpusError(
                f"{block.name}, line {block.line}: expected a line of at most {BLOCK_SIZE:,} bytes, found a longer one"
            )
        blocks.append(block.data)
    data = b"".join(blocks)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{corpus.names[0]}, line {line}: expected UTF-8, found 0x{data[error.start]:02x}; convert the file"
        ) from error


def _table(name: str, text: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the header, the rows without blank ones, and the line numbers of the rows."""
    first = text.partition("\n")[0]
    reader = csv.reader(text.removesuffix("\n").split("\n"), delimiter=max(",;\t", key=first.count), strict=True)
    header: list[str] = []
    rows, lines = [], []
    begun = 1  # line of the next row; quoted cells may have line ends
    try:
        for row in reader:
            line, begun = begun, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
            elif len(row) != len(header):
                raise CorpusError(
                    f"{name}, line {line}: expected {len(header)} columns, as in the header, found {len(row)}"
                )
            else:
                rows.append(row)
                lines.append(line)
    except csv.Error as error:
        raise CorpusError(
            f"{name}, line {begun}: expected cells with paired quotes and at most {csv.field_size_limit():,} "
            f"characters, found otherwise: {error}"
        ) from error
    if not rows:
        raise CorpusError(f"{name}: expected a header and rows of numbers, found {'a header' if header else 'nothing'}")
    return header, rows, lines


def _column_index(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], column: str | None) -> int:
    """Return the index of the column."""
    titles = ", ".join(title[:40] or "(no name)" for title in header[:20]) + (", ..." if len(header) > 20 else "")
    titles = titles if len(titles) <= MAX_TITLES else f"{titles[:MAX_TITLES]}..."
    if column is None:
        numbers = [index for index, cell in enumerate(rows[0]) if _NUMBER.fullmatch(cell.strip()) and header[index]]
        if len(numbers) != 1:
            raise UsageError(
                f"{name}: expected 1 column of numbers, found {len(numbers)}; set `column`, one of {titles}"
            )
        return numbers[0]
    if column not in header or not column:
        raise CorpusError(f"{name}: expected a column {shown(column)}, found {titles}")
    if header.count(column) > 1:
        raise CorpusError(f"{name}: expected one column {shown(column)}, found {header.count(column)}")
    return header.index(column)


def _number(cell: str, where: str) -> float:
    """Return the number in a cell. Raises CorpusError, which says `where` it is."""
    text = cell.strip()
    if not text:
        raise CorpusError(f"{where}: expected a number, found an empty cell")
    if not _NUMBER.fullmatch(text) or text in (".", "+.", "-."):
        raise CorpusError(f"{where}: expected a number like 1,008.64, found {shown(text)}")
    number = float(text.replace(",", ""))
    if not abs(number) <= MAX_NUMBER:
        raise CorpusError(f"{where}: expected a number up to {MAX_NUMBER:g}, found {shown(text)}")
    return number


def find_dates(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int], first: str | None = None
) -> Dates | None:
    """Return the dates of the rows of the file `name`, from the first column that has dates; None if there is none.

    `lines` are the line numbers of the rows; the format `first` is tried first. Raises CorpusError if a column whose
    title names dates has them in descending order.
    """
    named = [column for known in _NAMES for column, title in enumerate(header) if title.lower() == known]
    others = [column for column, cell in enumerate(rows[0]) if _LIKE_A_DATE.search(cell.strip())]
    for column in dict.fromkeys([*named, *others]):
        cells = [row[column].strip() for row in rows]
        formats = [first, *FORMATS] if first else FORMATS
        parsed = {one: days for one in formats if (days := _parsed(cells, one))}
        for one, days in parsed.items():
            if all(a <= b for a, b in itertools.pairwise(days)):
                return Dates(header[column], one, days)
        if parsed and column in named:
            days = next(iter(parsed.values()))
            at = next(row for row in range(1, len(days)) if days[row] < days[row - 1])
            raise CorpusError(
                f"{name}, line {lines[at]}, column {header[column][:80]}: expected the oldest first, found "
                f"{cells[at][:80]} after {cells[at - 1][:80]}; sort the file by its dates"
            )
    return None


def _parsed(cells: Sequence[str], form: str) -> list[datetime] | None:
    """Return all cells as dates, in UTC and without an offset; None if one is not a date of this format."""
    try:
        parse = datetime.fromisoformat if form == "iso" else lambda cell: datetime.strptime(cell, form)
        return [date.astimezone(UTC).replace(tzinfo=None) if date.tzinfo else date for date in map(parse, cells)]
    except (ValueError, OverflowError):
        return None
