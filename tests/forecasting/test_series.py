"""Reading a column of numbers from a CSV file, and errors with line and value."""

import gzip
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import SeriesConfig
from rnnwords.errors import CorpusError, UsageError
from rnnwords.forecasting.scaling import fit, scaled, unscaled
from rnnwords.forecasting.series import read_series
from tests.texts import write

UNPAIRED = "expected cells with paired quotes and at most 131,072 characters, found otherwise: "
HEADER = "Date,Open,Volume\n"
PRICES = HEADER + '1/03/2012,325.25,"7,380,500"\n1/04/2012,"1,331.27","5,749,400"\n1/13/2012,.5,+1e3\n'


def refused(path, content, column="Open"):
    """Return the error for a file: one line that begins with its name."""
    with pytest.raises(CorpusError) as caught:
        read_series(write(path, content), column)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 400
    return message.removeprefix(str(path))


def test_thousands_separators_quotes_and_dates(tmp_path):
    series = read_series(write(tmp_path / "a.csv", PRICES), "Open")
    assert series.values.tolist() == [325.25, 1331.27, 0.5]
    assert read_series(tmp_path / "a.csv", "Volume").values.tolist() == [7_380_500, 5_749_400, 1_000]
    assert series.dates is not None
    assert (series.dates.column, series.dates.days[0]) == ("Date", datetime(2012, 1, 3))
    assert (series.when(0), series.when(-1)) == ("2012-01-03", "2012-01-13")


@pytest.mark.parametrize(
    "content",
    [
        PRICES.replace("\n", "\r\n"), PRICES.rstrip("\n"), "\ufeff" + PRICES, PRICES + "\n\n", "\n" + PRICES,
        PRICES.replace("Open", " Open "),
    ],
)  # fmt: skip
def test_line_ends_byte_order_marks_and_blank_lines_change_nothing(tmp_path, content):
    assert read_series(write(tmp_path / "a.csv", content), "Open").values.tolist() == [325.25, 1331.27, 0.5]


def test_gz_semicolons_and_the_only_column_of_numbers(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"Datum;Kurs\n31.01.2012;1,008.5\n01.02.2012;7\n"))
    series = read_series(path)
    assert (series.column, series.values.tolist()) == ("Kurs", [1008.5, 7])
    assert series.when(1) == "2012-02-01"


@pytest.mark.parametrize(
    ("cell", "part"),
    [
        ("", "expected a number, found an empty cell"),
        ("  ", "expected a number, found an empty cell"),
        ("n/a", "found 'n/a'"),
        ("nan", "found 'nan'"),
        ("-inf", "found '-inf'"),
        ("2/03/2012", "found '2/03/2012'"),
        ("2012-02-03", "found '2012-02-03'"),
        ('"1,2,3"', "found '1,2,3'"),
        ('"1.2,00"', "found '1.2,00'"),
        (".", "found '.'"),
        ("1 00", "found '1 00'"),
        ("$12$", "found '$12$'"),
        ("\u0661\u0662", "found '"),
        ("1e16", "up to 1e+15, found '1e16'"),
        ("x" * 500, "found 'xxx"),
        ("\x1b[31m", r"found '\x1b[31m'"),
    ],
)
def test_a_cell_that_is_not_a_number_is_named_with_its_line(tmp_path, cell, part):
    message = refused(tmp_path / "a.csv", f"{HEADER}1/03/2012,1,1\n\n1/04/2012,{cell},1\n")
    assert message.startswith(", line 4, column Open: expected a number")
    assert part in message


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ("", ": expected a header and rows of numbers, found nothing"),
        (HEADER, ": expected a header and rows of numbers, found a header"),
        (HEADER + "1/03/2012,1\n", ", line 2: expected 3 columns, as in the header, found 2"),
        (HEADER + '1/03/2012,"1,1\n', f", line 2: {UNPAIRED}unexpected end of data"),
        (HEADER + '1/03/2012,"1"2,1\n', f", line 2: {UNPAIRED}',' expected after '\"'"),
        ("Open,Open\n1,2\n", ": expected one column 'Open', found 2"),
        ("Date,Close\n1/03/2012,1\n", ": expected a column 'Open', found Date, Close"),
        (b"Date,Open\n1/03/2012,1\xe9\n", ", line 2: expected UTF-8, found 0xe9, probably windows-1252; convert it: "),
        (HEADER + "1/04/2012,1,1\n1/03/2012,2,2\n", ", line 3, column Date: expected the oldest first"),
    ],
)  # fmt: skip
def test_a_file_without_a_table_of_numbers_is_refused(tmp_path, content, start):
    assert refused(tmp_path / "a.csv", content).startswith(start)


def test_an_unreadable_file_or_an_ambiguous_column_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"found nothing at .*missing\.csv"):
        read_series(tmp_path / "missing.csv", "Open")
    with pytest.raises(CorpusError, match="found a directory"):
        read_series(tmp_path, "Open")
    with pytest.raises(UsageError, match=r"1 column of numbers, found 2; set `column`, one of Date, Open, Volume$"):
        read_series(write(tmp_path / "a.csv", PRICES))


@pytest.mark.parametrize(
    ("dates", "second"),
    [
        (("2020-01-02", "2020-02-01"), datetime(2020, 2, 1)),
        (("02.01.2020", "01.02.2020"), datetime(2020, 2, 1)),
        (("2/1/2020", "1/2/2020"), datetime(2020, 2, 1)),  # with the month first they would descend
        (("1/2/2020", "2/1/2020"), datetime(2020, 2, 1)),
        (("2-Jan-2020", "1-Feb-2020"), datetime(2020, 2, 1)),
        (("2020-01-31T23:30:00-05:00", "2020-02-01T05:00:00Z"), datetime(2020, 2, 1, 5)),
        (("2019", "2020"), datetime(2020, 1, 1)),
        (("one", "two"), None),
    ],
)
def test_dates_are_read_in_many_formats(tmp_path, dates, second):
    content = f'Value,Date\n1,"{dates[0]}"\n2,"{dates[1]}"\n'
    found = read_series(write(tmp_path / "a.csv", content), "Value").dates
    assert (found and found.days[1]) == second


def test_dates_of_test_values_are_read_in_the_format_of_the_series(tmp_path):
    before = read_series(write(tmp_path / "a.csv", "when,x\n13/1/2020,1\n14/1/2020,2\n"), "x")
    after = read_series(write(tmp_path / "b.csv", "when,x\n1/2/2020,3\n2/2/2020,4\n"), "x", like=before)
    assert after.dates is not None
    assert after.dates.days[0] == datetime(2020, 2, 1)
    assert read_series(write(tmp_path / "c.csv", "x,y\n3,5\n"), "x").when(0) == "value 1"


@given(st.lists(st.floats(-1e6, 1e6), min_size=2), st.lists(st.floats(-1e6, 1e6)))
def test_unscaled_inverts_scaled(values, later):
    if max(values) - min(values) < 1e-3:
        return
    scaling = fit("x", np.array(values))
    found = scaled(scaling, np.array(values))
    assert (found.min(), found.max()) == (0, 1)
    assert found.dtype == np.float32
    span = scaling.high - scaling.low
    every = np.array([*values, *later])
    largest = max(1.0, np.abs(scaled(scaling, every)).max())
    assert np.abs(unscaled(scaling, scaled(scaling, every)) - every).max() <= 1e-6 * span * largest


def test_scaling_without_a_range_or_far_outside_it_is_refused():
    with pytest.raises(UsageError, match="expected values that differ, found only 3"):
        fit("x", np.array([3.0, 3.0]))
    with pytest.raises(CorpusError, match="the range of the training values, found 1e\\+15"):
        scaled(SeriesConfig("x", 0.0, 1e-30), np.array([0.0, 1e15]))
