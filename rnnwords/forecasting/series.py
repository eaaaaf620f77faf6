"""A column of a CSV file as numbers, read strictly: what is no number is told with its line.

The header names the columns; they are separated by commas, semicolons or tabs, whichever the header has most of. A
number is written with a decimal point, and perhaps with commas between thousands: 1,008.64, in quotes where needed.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import shown
from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import digest_of
from rnnwords.forecasting.dates import Dates, find_dates
from rnnwords.text.reading import Corpus

LARGEST = 1e15  # beyond, differences between prices would be lost in rounding
_NUMBER = re.compile(r"[+-]?(?=[0-9.])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")


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
        """The date of a value as ISO 8601, or its number, counted from 1, in a file without dates."""
        if self.dates is None:
            return f"value {row % len(self) + 1:,}"
        day = self.dates.days[row]
        return day.isoformat() if any((day.hour, day.minute, day.second)) else day.date().isoformat()


def read_series(path: Path, column: str | None = None, like: Series | None = None) -> Series:
    """Read a column of a CSV file, `.gz` or `-`; None takes the only column of numbers. `like` is a series of the same
    kind, whose dates are written in the same form.

    Raises CorpusError, which names the line and what stands there: for no such column, an empty cell, text, a date or
    too large a number in it; UsageError if the column must be named.
    """
    corpus = Corpus([path])
    name = corpus.names[0]
    header, rows, lines = _table(name, _text(corpus))
    place = _place(name, header, rows, column)
    values = [_number(row[place], name, line, header[place]) for row, line in zip(rows, lines, strict=True)]
    others = [(cell, title) for cell, title in enumerate(header) if cell != place]
    dates = find_dates(
        name, [title for _, title in others], [[row[cell] for cell, _ in others] for row in rows], lines,
        like.dates.form if like and like.dates else None,
    )  # fmt: skip
    return Series(name, header[place], np.array(values), dates, digest_of(corpus.paths))


def _text(corpus: Corpus) -> str:
    data = b"".join(block.data for block in corpus.blocks())
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{corpus.names[0]}, line {line}: 0x{data[error.start]:02x} is not UTF-8; convert the file"
        ) from error


def _table(name: str, text: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and their lines. Blank lines are no rows."""
    first = text.partition("\n")[0]
    reader = csv.reader(text.removesuffix("\n").split("\n"), delimiter=max(",;\t", key=first.count), strict=True)
    header: list[str] = []
    rows, lines = [], []
    begun = 1  # the line of the row that is read; quoted cells may have line ends
    try:
        for row in reader:
            line, begun = begun, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
            elif len(row) != len(header):
                raise CorpusError(
                    f"{name}, line {line}: expected {len(header)} columns, as in the header; got {len(row)}"
                )
            else:
                rows.append(row)
                lines.append(line)
    except csv.Error as error:
        raise CorpusError(f"{name}, line {begun}: {error}") from error
    if not rows:
        raise CorpusError(f"{name}: expected a header and rows of numbers; got {'a header' if header else 'nothing'}")
    return header, rows, lines


def _place(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], column: str | None) -> int:
    """Which column it is."""
    there = ", ".join(title or "(no name)" for title in header[:20]) + (", ..." if len(header) > 20 else "")
    if column is None:
        numbers = [place for place, cell in enumerate(rows[0]) if _NUMBER.fullmatch(cell.strip()) and header[place]]
        if len(numbers) != 1:
            raise UsageError(f"say which column of {name} to forecast with --column; its columns are {there}")
        return numbers[0]
    if column not in header or not column:
        raise CorpusError(f"{name} has no column {shown(column)}; its columns are {there}")
    if header.count(column) > 1:
        raise CorpusError(f"{name}: expected one column {shown(column)}; got {header.count(column)}")
    return header.index(column)


def _number(cell: str, name: str, line: int, column: str) -> float:
    text = cell.strip()
    if not text:
        raise CorpusError(f"{name}, line {line}, column {column}: expected a number; the cell is empty")
    if not _NUMBER.fullmatch(text) or text in (".", "+.", "-."):
        raise CorpusError(f"{name}, line {line}, column {column}: expected a number like 1,008.64; got {shown(text)}")
    number = float(text.replace(",", ""))
    if not abs(number) <= LARGEST:
        raise CorpusError(
            f"{name}, line {line}, column {column}: expected a number up to {LARGEST:g}; got {shown(text)}"
        )
    return number
