"""Reads a column of numbers from a CSV file, strictly: errors name the line of a cell that is not a number.

`table`, `numbers` and `dates` have the rules.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnwords.config import DECIMALS, ReadConfig, shown
from rnnwords.errors import CorpusError, UsageError
from rnnwords.files import digest_of
from rnnwords.forecasting.dates import Dates, find_dates, is_date_title
from rnnwords.forecasting.numbers import NumberColumn, find_decimal, parse_cell, read_numbers
from rnnwords.forecasting.table import Table, read_table
from rnnwords.text.formats.encodings import likely_remedy
from rnnwords.text.reading.corpus import BLOCK_SIZE, Corpus

MAX_TITLES = 200  # characters of titles that an error shows
_DOTTED_DATE = re.compile(r"\d{1,2}\. ?\d{1,2}\. ?(?:\d{4}|\d\d)\b")


@dataclass(frozen=True, eq=False)
class Series:
    """The numbers of one column, oldest first."""

    name: str  # of the file
    column: str
    values: NDArray[np.float64]  # (N,)
    dates: Dates | None
    digest: str  # SHA-256 of the bytes of the file
    decimal: str = "."  # or ","

    def __len__(self) -> int:
        return len(self.values)

    def when(self, row: int) -> str:
        """Return the date of a value as ISO 8601, or in a file without dates its number, counted from 1."""
        return self.dates.when(row) if self.dates else f"value {row % len(self) + 1:,}"


def read_series(
    path: Path, column: str | None = None, like: Series | None = None, decimal: str = "auto",
    warn: Callable[[str], None] = lambda message: None,
) -> Series:  # fmt: skip
    """Return a column of a CSV file, `.gz` or `-`; without `column`, the only column of numbers.

    `decimal` is one of DECIMALS. Of the series `like`, which this one continues, the format of the dates is tried
    first, and the decimal sign decides. `warn` is called with a line for all that is unusual in the file. Raises
    CorpusError for a missing column and for a cell that is empty or not a number up to MAX_NUMBER; UsageError if the
    column must be named, or if numbers have two readings.
    """
    if decimal not in DECIMALS:
        raise UsageError(f"`decimal`: expected one of {' '.join(DECIMALS)}, found {shown(decimal)}")
    corpus = Corpus([path], ReadConfig(as_is=True))
    table = read_table(corpus.names[0], _text(corpus), column, decimal)
    if not table.has_header:
        which = "titles of its columns are 1 to" if len(table.header) > 1 else "title of its column is"
        warn(f"{table.name} has no header, so the {which} {len(table.header)}")
    index = _column_index(table, column)
    title = table.header[index]
    numbers = NumberColumn(table.name, title, table.column(index), table.lines)
    if decimal == "auto":
        others = [table.column(at) for at in range(len(table.header)) if at != index]
        before = like.decimal if like else None
        decimal, message = find_decimal(numbers, others, _has_decimal_commas(table), table.separator, before)
        if message:
            warn(f"{table.name}, column {title[:80]}: {message}")
    values = read_numbers(numbers, decimal)
    titles, *rows = [row[:index] + row[index + 1 :] for row in (table.header, *table.rows)]
    first = like.dates.format if like and like.dates else None
    dates = find_dates(table.name, titles, rows, table.lines, first, warn)
    return Series(table.name, title, np.array(values), dates, digest_of(corpus.paths), decimal)


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
        line, name = data.count(b"\n", 0, error.start) + 1, corpus.names[0]
        remedy = likely_remedy(data, error.start, name) or "; correct it"
        raise CorpusError(f"{name}, line {line}: expected UTF-8, found 0x{data[error.start]:02x}{remedy}") from error


def _has_decimal_commas(table: Table) -> bool:
    """Return whether the file was likely written where the decimal sign is a comma."""
    return table.separator == ";" or any(_DOTTED_DATE.match(cell.strip()) for row in table.rows[:20] for cell in row)


def _column_index(table: Table, column: str | None) -> int:
    """Return the index of the column."""
    name, header = table.name, table.header
    titles = ", ".join(title[:40] or "(no name)" for title in header[:20]) + (", ..." if len(header) > 20 else "")
    titles = titles if len(titles) <= MAX_TITLES else f"{titles[:MAX_TITLES]}..."
    if column is None:
        numbers = [at for at in range(len(header)) if header[at] and _is_number_column(table, at)]
        if len(numbers) > 1:
            numbers = [at for at in numbers if not is_date_title(header[at])] or numbers
        if not numbers:
            at = len(header) - 1
            raise UsageError(
                f"{name}: expected 1 column of numbers, found none: column {header[at][:80]} has "
                f"{shown(table.rows[0][at].strip())} in line {table.lines[0]}; correct it, or set `column`, one of "
                f"{titles}"
            )
        if len(numbers) > 1:
            raise UsageError(
                f"{name}: expected 1 column of numbers, found {len(numbers)}; set `column`, one of {titles}"
            )
        return numbers[0]
    if column not in header or not column:
        raise CorpusError(f"{name}: expected a column {shown(column)}, found {titles}")
    if header.count(column) > 1:
        raise CorpusError(f"{name}: expected one column {shown(column)}, found {header.count(column)}")
    return header.index(column)


def _is_number_column(table: Table, index: int) -> bool:
    """Return whether the first cell of a column that is not empty is a number."""
    return parse_cell(next((row[index] for row in table.rows if row[index].strip()), "")) is not None
