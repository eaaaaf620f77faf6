"""Tables of text: which lines of a CSV file are its header and its rows, and what separates its columns.

The module csv of the standard library reads the cells. pandas 3.1 (84 MB, 0.2 to 0.4 s to load) and polars 2.1 (180 MB,
0.2 s) were weighed: both take the first line as the header, and read `0,902` as text. The rule would still be needed.

- Blank lines, and lines that begin with #, are left out. Excel's first line `sep=;` names the separator.
- The separator is the one of tab, semicolon, bar and comma with which all lines have equally many cells, two or more;
  of several, the one with more cells that are numbers or dates. Where none fits, but each line is one number, the
  table has one column.
- Lines above the header may have fewer cells: titles, accounts, periods. The header consists of texts.
- A first line whose cells are numbers or dates, as those below, is a row; the columns are then named 1, 2, 3.
- Cells at the end of lines that are empty in all lines are left out. Every row has as many cells as the header.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rnnwords.config import shown
from rnnwords.errors import CorpusError, UsageError
from rnnwords.forecasting.dates import looks_like_date
from rnnwords.forecasting.numbers import parse_cell

SEPARATORS = "\t;|,"
_SINGLE = "\x1f"  # between columns of a table that has only one
_SAMPLE = 200_000  # characters in which the separator is looked for
_SEP_LINE = re.compile(r'"?sep=(.)"?;*\s*', re.IGNORECASE)
_YEAR = re.compile(r"(?:18|19|20|21)\d\d")
_WHOLE = re.compile(r"[+-]?\d+")


class Record(NamedTuple):
    """The cells of one line, or of several if a quoted cell has line ends."""

    line: int  # the first one, counted from 1
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """The cells of a file."""

    name: str  # of the file
    header: list[str]
    rows: list[list[str]]
    lines: list[int]  # of the rows, counted from 1
    separator: str
    has_header: bool

    def column(self, index: int) -> list[str]:
        """Return the cells of a column."""
        return [row[index] for row in self.rows]


def read_table(name: str, text: str, column: str | None = None, decimal: str = "auto") -> Table:
    """Return the table in a text with line ends \\n.

    A first line with the title `column` is the header, even if it looks like a row. Raises CorpusError for rows of
    unequal length, UsageError where a line is one number or two.
    """
    lines = text.removesuffix("\n").split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    if match := _SEP_LINE.fullmatch(lines[first]):
        lines[first] = ""
        separator = match[1]
    else:
        separator = _find_separator(name, lines, column, decimal)
    reader = _Reader(lines, separator, strict=True)
    try:
        records = reader.records()
    except csv.Error as error:
        raise CorpusError(
            f"{name}, line {reader.begun}: expected cells with paired quotes and at most {csv.field_size_limit():,} "
            f"characters, found otherwise: {error}"
        ) from error
    layout = _Layout.of(records, column)
    if layout.odd is not None:
        expected, record = layout.width, records[layout.odd]
        raise CorpusError(
            f"{name}, line {record.line}: expected {expected} column{'s' * (expected != 1)}, as in the header, found "
            f"{len(record.cells)}"
        )
    body = records[layout.start :]
    if layout.has_header and body:
        header, body = [cell.strip() for cell in body[0].cells], body[1:]
    else:
        header = _commented_header(reader.comments, body, separator)
    if not body:
        only = "a header" if header else "only lines that begin with #" if reader.comments else "nothing"
        raise CorpusError(f"{name}: expected a header and rows of numbers, found {only}")
    has_header = bool(header)
    header = header or [str(number) for number in range(1, layout.width + 1)]
    return Table(name, header, [one.cells for one in body], [one.line for one in body], separator, has_header)


class _Reader:
    """Reads records with one separator, and leaves out comments between them."""

    def __init__(self, lines: Sequence[str], separator: str, *, strict: bool) -> None:
        self._lines, self._number = iter(lines), 0
        self._csv = csv.reader(self, delimiter=separator, strict=strict)
        self._between = True  # records, not inside a quoted cell
        self.begun = 1  # line of the record
        self.comments: list[Record] = []

    def __iter__(self) -> "_Reader":
        return self

    def __next__(self) -> str:
        """Return the next line for the module csv."""
        for line in self._lines:
            self._number += 1
            if self._between and line.lstrip().startswith("#"):
                self.comments.append(Record(self._number, [line]))
                continue
            if self._between:
                self.begun, self._between = self._number, False
            return line + "\n"
        raise StopIteration

    def records(self) -> list[Record]:
        """Return all records but blank ones, without the cells at the end that are empty in all. Raises csv.Error."""
        found = []
        for cells in self._csv:
            if any(cell.strip() for cell in cells):
                found.append(Record(self.begun, cells))
            self._between = True
        used = max((_filled(cells) for _, cells in found), default=0)
        return [Record(line, cells[:used]) for line, cells in found]


@dataclass(frozen=True)
class _Layout:
    """Where the table begins among the records, and whether all rows are equally long."""

    width: int
    start: int  # the header, or the first row
    has_header: bool
    odd: int | None  # the first record that has another number of cells

    @classmethod
    def of(cls, records: Sequence[Record], column: str | None) -> "_Layout":
        if not records:
            return cls(1, 0, True, None)
        width = _most(len(cells) for _, cells in records)
        filled = _most(_filled(cells) for _, cells in records if len(cells) == width)
        fitting = (at for at, (_, cells) in enumerate(records) if len(cells) == width and _filled(cells) >= filled)
        start = next(fitting)
        has_header = _is_header(records[start:], column)
        if start and (not has_header or len(records[0].cells) > width):
            start, has_header = 0, True  # a header with another number of cells than the rows, not a title
        width = len(records[start].cells)
        odd = next((at for at in range(start, len(records)) if len(records[at].cells) != width), None)
        return cls(width, start, has_header, odd)


def _most(lengths: Iterable[int]) -> int:
    """Return the most frequent length, the largest of several."""
    counts = Counter(lengths)
    return max(counts, key=lambda one: (counts[one], one))


def _filled(cells: Sequence[str]) -> int:
    """Return the number of cells without the blank ones at the end."""
    return max((at for at, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _typed(records: Sequence[Record]) -> float:
    """Return the share of the cells that are numbers, dates or empty."""
    cells = [cell for record in records for cell in record.cells]
    return sum(_is_data(cell) or not cell.strip() for cell in cells) / max(1, len(cells))


def _is_data(cell: str) -> bool:
    return parse_cell(cell) is not None or looks_like_date(cell)


def _is_header(records: Sequence[Record], column: str | None) -> bool:
    """Return whether the first of the records is a header, not a row like the others."""
    titles = [cell.strip() for cell in records[0].cells]
    numbers = map(str, range(1, len(titles) + 1))  # the titles where there is no header
    if (column in titles and column not in numbers) or not any(map(_is_data, titles)):
        return True
    below = [record.cells for record in records[1:200] if len(record.cells) == len(titles)]
    for at, title in enumerate(titles):
        cells = [cells[at].strip() for cells in below if cells[at].strip()]
        if not cells or not all(map(_is_data, cells)):
            continue
        if title and not _is_data(title):
            return True
        if _YEAR.fullmatch(title) and not any(map(_YEAR.fullmatch, cells)) and at:  # one column for each year
            return True
    return False


def _find_separator(name: str, lines: Sequence[str], column: str | None, decimal: str) -> str:
    """Return the separator by the rule above; where nothing fits, that of the most records."""
    size = 0
    sample: list[str] = []
    for line in lines:
        size += len(line) + 1
        if sample and size > _SAMPLE:
            break
        sample.append(line)
    fitting: list[tuple[float, str, list[Record]]] = []
    partial: list[tuple[int, str]] = []
    for separator in SEPARATORS:
        if not any(separator in line for line in sample):
            continue
        try:
            records = _Reader(sample, separator, strict=False).records()
        except csv.Error:
            continue
        records = records[:-1] if len(sample) < len(lines) else records  # the last one may be cut
        layout = _Layout.of(records, column)
        if layout.width > 1 and layout.odd is None:
            typed = _typed(records[layout.start + 1 :])
            fitting.append((typed, separator, records[layout.start :] if not layout.has_header else []))
        partial.append((sum(len(cells) == layout.width > 1 for _, cells in records), separator))
    if fitting:
        _, separator, rows = max(fitting, key=lambda one: one[0])
        if separator == "," and decimal != "." and rows and all(map(_may_be_one_number, rows)) and '"' not in lines[0]:
            if decimal == ",":
                return _SINGLE
            line = ",".join(rows[0].cells)
            raise UsageError(
                f"{name}, line {rows[0].line}: expected one reading, found {shown(line)}, which is one number or two "
                f"columns; set `decimal` to , or to ."
            )
        return separator
    try:
        single = [record.cells[0] for record in _Reader(sample, _SINGLE, strict=False).records()]
    except csv.Error:
        single = []
    if not partial or (len(single) > 1 and all(parse_cell(cell) for cell in single[1:])):
        return _SINGLE
    first = next((line for line in lines if line.strip()), "")
    return max(partial, key=lambda one: (one[0], first.count(one[1])))[1]


def _may_be_one_number(record: Record) -> bool:
    """Return whether the cells are the two sides of a decimal comma."""
    return len(record.cells) == 2 and bool(_WHOLE.fullmatch(record.cells[0])) and record.cells[1].isdigit()


def _commented_header(comments: Sequence[Record], rows: Sequence[Record], separator: str) -> list[str]:
    """Return the titles in the comment right above the rows, if it has a title for each column; else none."""
    if rows and (above := [one for one in comments if one.line < rows[0].line]):
        titles = next(csv.reader([above[-1].cells[0].lstrip().removeprefix("#")], delimiter=separator))
        if len(titles) == len(rows[0].cells) > 1 and not any(map(_is_data, titles)):
            return [title.strip() for title in titles]
    return []
