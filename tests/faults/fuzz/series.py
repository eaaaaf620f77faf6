"""CSV files of numbers."""

import contextlib

import numpy as np

from rnnwords.errors import CorpusError, UsageError
from rnnwords.forecasting.numbers import MAX_NUMBER
from rnnwords.forecasting.scaling import fit, scaled
from rnnwords.forecasting.series import read_series
from tests.faults.fuzz.choices import Choices, folder
from tests.faults.fuzz.programs import check_message

NUMBERS = (
    "1", "-2.5", "1,008.64", "1e3", "1e400", "-1e-400", ".", "+.", "nan", "inf", "", " 7 ", "1_0", "\u0661", "0x1",
    "1,00", "9" * 400, "1e99999", "-0", "1e15", "1e16", '"1,008.64"', '"', '"a\nb"', "1;2", "\0", "\r", "1\r",
    "0,902", "1.234,56", "1.234", "1,234", "1 234,5", "1\u00a0234", "1'234.5", "1,00,000", "\u22125", "$5", "5 %",
    "(5)", "5-",
)  # fmt: skip
DATES = (
    "2017-01-31", "3/1/2017", "13/1/2017", "31.12.99", "2017", "2017-01", "1 Jan 2017", "Jan 1, 2017", "January",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2017-W01", "2017-02-30", "1/1/2017 25:00", "0000-00-00",
    "99999-01-01", "20170131", "2017-01-31T10:00:00Z", "\u0662\u0660\u0661\u0667",
    "1577836800", "1577836800000", "1e999", "43831", "2017-Q1", "Q1 17", "KW 5/2017", "1. Januar 2017", "янв. 2017",
    "3 PM", "2017-01-31 12:00 AM", "13/13/2017", "10:30 1/2/2017", "12:00", "99:99", "9" * 4_000, "1" + " " * 70 + "x",
)  # fmt: skip
TITLES = (
    "Open", "Date", "date", "year", "", " Open ", '"Open"', "Close", "\ufeffOpen", "x" * 2_000, "\x1b[31m", "a\tb",
)  # fmt: skip
ABOVE = ("", "# comment", "#Open", "sep=;", '"sep=,"', "A title", '#"', "a;b,c")  # the header
DECIMALS = ("auto", "auto", ".", ",")
COLUMNS = (None, "Open", "Date", "", "Close", "x" * 2_000, "\x1b[31m")


def check(data: bytes) -> None:
    """Raise only on a finding."""
    choices = Choices(data)
    column, decimal = choices.one_of(COLUMNS), choices.one_of(DECIMALS)
    warnings: list[str] = []
    path = folder() / "numbers.csv"
    path.write_bytes(_file(choices))
    try:
        series = read_series(path, column, None, decimal, warnings.append)
    except (CorpusError, UsageError) as error:
        check_message(error, path)
        return
    assert all(len(warning) < 1_000 for warning in warnings)
    assert len(series) > 0
    assert np.isfinite(series.values).all()
    assert np.abs(series.values).max() <= MAX_NUMBER
    assert all(series.when(row) for row in (0, len(series) - 1))
    if series.dates is not None:
        assert len(series.dates.days) == len(series)
        assert series.dates.days == sorted(series.dates.days)
    with contextlib.suppress(CorpusError):  # another column, not of numbers, can have the same title
        again = read_series(path, series.column, series, decimal)
        assert (again.values == series.values).all()
    try:
        scaling = fit(series.column, series.values)
    except UsageError:
        return
    assert np.isfinite(scaled(scaling, series.values)).all()


def _file(choices: Choices) -> bytes:
    if choices.below(6) == 1:
        return choices.rest()
    end: str
    separator, end = choices.one_of((",", ",", ";", "\t", "|")), choices.one_of(("\n", "\n", "\r\n", "\r"))
    columns = 1 + choices.below(3)
    lines = [choices.one_of(ABOVE)] if choices.below(4) == 1 else []
    lines += [separator.join(choices.one_of(TITLES) for _ in range(columns))]
    kinds = [choices.below(3) for _ in range(columns)]
    for row in range(choices.below(8)):
        cells = [_cell(choices, kind, row) for kind in kinds]
        if choices.below(16) == 1:
            cells.append("1")
        lines.append(separator.join(cells))
    return (end.join(lines) + end * choices.below(3)).encode("utf-8", "surrogatepass")


def _cell(choices: Choices, kind: int, row: int) -> str:
    if choices.below(4):
        return (str(row), f"2017-01-0{row + 1}", f"{row}.5")[kind]
    found: str = choices.one_of((NUMBERS, DATES, NUMBERS)[kind]) if choices.below(4) else choices.text(2)
    return found
