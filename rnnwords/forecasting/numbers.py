"""Numbers as spreadsheets write them, and which of point and comma is the decimal sign of a column.

A number has an optional sign (also U+2212, or a minus after it), digits that may be grouped, a decimal sign with
digits, and an exponent. Groups are of three digits (1,234,567), or of two before the last three (1,00,000, India);
between them is the other of point and comma, a space of any width, or an apostrophe. A number never begins with a
group that begins with 0. Parentheses around a number make it negative, as in accounting. A currency or % is allowed
if all numbers of the column have the same one; 12 % is read as 12.

So `1,234.5` and `0,902` have one reading each, and `1,234` has two: 1234 or 1.234. The decimal sign of a column is, in
this order: that of its cells with one reading; that of the series before it (a test file); that of other columns of
numbers, if they agree. If all cells have two readings, the file around them decides:

- A point is a decimal point, except in a file with `;` between its columns, or with dates like 31.01.2020.
- A comma is a decimal comma in a file with `;` between its columns, or with dates like 31.01.2020.
- Otherwise both readings are shown, and the setting `decimal` is necessary.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rnnwords.config import shown
from rnnwords.errors import CorpusError, UsageError

MAX_NUMBER = 1e15  # rounding would hide the differences between larger ones
MAX_LENGTH = 100  # characters of a number
EXAMPLES = {".": "1,008.64", ",": "1.008,64"}
_SPACES, _APOSTROPHES = " \u00a0\u2007\u2009\u202f", "'\u2019"
_ONE_SIGN = str.maketrans({**dict.fromkeys(_SPACES, " "), **dict.fromkeys(_APOSTROPHES, "'"), "\u2212": "-"})
_CURRENCY = "$\u00a2-\u00a5\u058f\u060b\u09f3\u0e3f\u17db\u20a0-\u20c0\ufdfc\uff04\uffe0\uffe1\uffe5\uffe6"
_WORDS = "[A-Z]{3}|[Kk]r\\.?|z\u0142|K\u010d|Ft|Fr\\.?|Rs\\.?|\u0440\u0443\u0431\\.?"
_UNIT = rf"[A-Za-z]{{0,3}}[{_CURRENCY}]|[%\u2030]|{_WORDS}"
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?) ?(?P<before>{_UNIT})? ?(?P<inner>[+-]?)(?P<digits>[0-9.,' ]*[0-9][0-9.,' ]*?)"
    rf"(?P<exponent>[eE][+-]?[0-9]+)? ?(?P<after>{_UNIT})?(?P<last>-?)(?P<close>\))?"
)
_DIGITS = {
    ".": re.compile(
        r"(?:[1-9]\d{0,2}(?P<group>[, '])\d{3}(?:(?P=group)\d{3})*|[1-9]\d?(?:,\d\d)+,\d{3}|\d*)(?:\.\d*)?"
    ),
    ",": re.compile(r"(?:[1-9]\d{0,2}(?P<group>[. '])\d{3}(?:(?P=group)\d{3})*|\d*)(?:,\d*)?"),
}


class Cell(NamedTuple):
    """A cell that contains a number: its parts."""

    digits: str  # with signs between them
    exponent: str
    negative: bool
    unit: str
    in_parentheses: bool

    def value(self, decimal: str) -> float | None:
        """Return the number, read with this decimal sign; None if it cannot be read so."""
        if not _DIGITS[decimal].fullmatch(self.digits):
            return None
        grouped = ", '" if decimal == "." else ". '"
        number = float(self.digits.translate(str.maketrans("", "", grouped)).replace(",", ".") + self.exponent)
        return -number if self.negative else number

    def group(self, decimal: str) -> str | None:
        """Return the sign between groups of digits, if there is one."""
        return next((sign for sign in ",. '" if sign != decimal and sign in self.digits), None)


def parse_cell(text: str) -> Cell | None:
    """Return the parts of a cell that may be a number; None for any other, such as a date."""
    if len(text) > MAX_LENGTH or not (match := _CELL.fullmatch(text.strip().translate(_ONE_SIGN))):
        return None
    signs = match["sign"] + match["inner"] + match["last"]
    bracketed = match["open"] is not None
    if len(signs) > 1 or bracketed != (match["close"] is not None) or (bracketed and signs):
        return None
    if match["before"] and match["after"]:
        return None
    unit = match["before"] or match["after"] or ""
    cell = Cell(match["digits"], match["exponent"] or "", bracketed or signs == "-", unit, bracketed)
    return cell if any(one.fullmatch(cell.digits) for one in _DIGITS.values()) else None


@dataclass(frozen=True)
class Evidence:
    """The first row of a column that can only be read with a decimal point, only with a comma, and with either."""

    point: int | None = None
    comma: int | None = None
    either: int | None = None  # with another value each time

    @classmethod
    def of(cls, cells: Iterable[str]) -> "Evidence":
        """Return the evidence of the numbers among the cells."""
        found = cls()
        for row, text in enumerate(cells):
            if "." not in text and "," not in text:
                continue
            if cell := parse_cell(text):
                point, comma = cell.value("."), cell.value(",")
                name = "comma" if point is None else "point" if comma is None else "either" if point != comma else ""
                if name and getattr(found, name) is None:
                    found = replace(found, **{name: row})
        return found

    @property
    def decimal(self) -> str | None:
        """The decimal sign, if the cells show one."""
        if (self.point is None) == (self.comma is None):
            return None
        return "," if self.point is None else "."


class NumberColumn(NamedTuple):
    """A column of numbers as text, and where it comes from."""

    name: str  # of the file
    title: str
    cells: Sequence[str]
    lines: Sequence[int]

    def where(self, row: int) -> str:
        """Return the position of a cell for an error."""
        return f"{self.name}, line {self.lines[row]}, column {self.title[:80]}"


def find_decimal(
    column: NumberColumn, others: Iterable[Sequence[str]], comma_country: bool, separator: str, before: str | None
) -> tuple[str, str | None]:
    """Return the decimal sign of a column, and a note if only the file around the column decides it.

    `others` are the cells of the other columns; `comma_country`: the file has `;` between columns, or dates like
    31.01.2020; `before` is the decimal sign of the series that this file continues. Raises UsageError if cells
    contradict each other, or if both readings are possible.
    """
    evidence = Evidence.of(column.cells)
    if evidence.point is not None and evidence.comma is not None:
        point, comma = column.cells[evidence.point].strip(), column.cells[evidence.comma].strip()
        raise UsageError(
            f"{column.where(max(evidence.point, evidence.comma))}: expected one decimal sign in all cells, found "
            f"{shown(point)} in line {column.lines[evidence.point]} and {shown(comma)} in line "
            f"{column.lines[evidence.comma]}; write all numbers alike"
        )
    if evidence.decimal or evidence.either is None:
        return evidence.decimal or before or ".", None
    if before:
        return before, None
    marks = {Evidence.of(cells).decimal for cells in others if all(parse_cell(cell) for cell in cells if cell.strip())}
    marks -= {None}
    if len(marks) == 1:
        return str(marks.pop()), None
    text = column.cells[evidence.either].strip()
    signs = {sign for one in column.cells if (cell := parse_cell(one)) for sign in ".," if sign in cell.digits}
    readings = [cell.value(sign) or 0.0 for cell in [parse_cell(text)] if cell for sign in ".,"]
    part, whole = (f"{number:.15g}" for number in sorted(readings, key=abs))
    if signs == {"."} and not comma_country:
        is_sure = separator == ","  # then a comma would have to be quoted
        return ".", None if is_sure else f"{text} is read as {part}; set `decimal` to , if it is {whole}"
    if signs == {","} and comma_country:
        return ",", f"{text} is read as {part}; set `decimal` to . if it is {whole}"
    raise UsageError(
        f"{column.where(evidence.either)}: expected numbers with one reading, found {text}, which is {whole} or "
        f"{part}; set `decimal` to . or to ,"
    )


def read_numbers(column: NumberColumn, decimal: str) -> list[float]:
    """Return the numbers. Raises CorpusError for a cell that is empty or not a number like the others."""
    values: list[float] = []
    first: Cell | None = None
    group: tuple[str, int] | None = None  # and its row
    brackets = 0
    for row, text in enumerate(column.cells):
        if not text.strip():
            raise CorpusError(f"{column.where(row)}: expected a number, found an empty cell")
        cell = parse_cell(text)
        value = cell.value(decimal) if cell else None
        if cell is None or value is None:
            raise CorpusError(
                f"{column.where(row)}: expected a number like {EXAMPLES[decimal]}, found {shown(text.strip())}"
            )
        if not abs(value) <= MAX_NUMBER:
            raise CorpusError(
                f"{column.where(row)}: expected a number up to {MAX_NUMBER:g}, found {shown(text.strip())}"
            )
        first = first or cell
        if cell.unit != first.unit:
            kind = f"with {first.unit}" if first.unit else "without a unit"
            raise CorpusError(
                f"{column.where(row)}: expected a number {kind}, as in line {column.lines[0]}, found "
                f"{shown(text.strip())}; write all numbers alike"
            )
        if sign := cell.group(decimal):
            group = group or (sign, row)
            if sign != group[0]:
                raise CorpusError(
                    f"{column.where(row)}: expected {shown(group[0])} between thousands, as in line "
                    f"{column.lines[group[1]]}, found {shown(text.strip())}; write all numbers alike"
                )
        brackets += cell.in_parentheses
        values.append(value)
    if brackets == len(values):
        raise CorpusError(
            f"{column.where(0)}: expected parentheses around negative numbers only, found them around all, as in "
            f"{shown(column.cells[0].strip())}; remove them, or write a minus"
        )
    return values
