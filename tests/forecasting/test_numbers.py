"""Numbers of many countries, and the decimal sign that a column and its file show."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.errors import CorpusError, UsageError
from rnnwords.forecasting.numbers import NumberColumn, find_decimal, parse_cell, read_numbers
from rnnwords.forecasting.series import read_series
from tests.texts import write

ISO = ("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04")
DOTTED = ("01.01.2020", "02.01.2020", "03.01.2020", "04.01.2020")


def table(path, cells, separator=",", dates=ISO):
    """A file with dates and the cells, which are quoted if they contain the separator."""
    rows = [f'{day}{separator}"{cell}"' if separator in cell else f"{day}{separator}{cell}"
            for day, cell in zip(dates, cells, strict=False)]  # fmt: skip
    return write(path / "a.csv", f"Date{separator}Value\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("cells", "separator", "values"),
    [
        (["0,902", "1,5"], ";", [0.902, 1.5]),
        (["0,902", "0,915"], ";", [0.902, 0.915]),
        (["0,902", "0,915"], ",", [0.902, 0.915]),  # quoted
        (["1.234,56", "-2.000,5"], ";", [1234.56, -2000.5]),
        (["1 234,5", "12 000,25"], ";", [1234.5, 12000.25]),
        (["1\u00a0234,5", "12\u00a0000"], ";", [1234.5, 12000]),
        (["1\u202f234,5", "12\u202f000"], ";", [1234.5, 12000]),
        (["1'234.5", "12'000"], ";", [1234.5, 12000]),
        (["1\u2019234.5", "12\u2019000"], ";", [1234.5, 12000]),
        (["1,00,000.5", "12,34,567"], ",", [100000.5, 1234567]),
        (["1,008.64", "2.5"], ",", [1008.64, 2.5]),
        (["1,657,300", "500,000"], ",", [1657300, 500000]),  # the first one can only be grouped
        (["1.657.300", "500.000"], ";", [1657300, 500000]),
        (["83902", "4"], ";", [83902, 4]),
        (["1234,567", "1"], "\t", [1234.567, 1]),
        (["$1,234.50", "-$3", "$-4", "($5.00)"], ",", [1234.5, -3, -4, -5]),
        (["12 %", "13.5%"], ",", [12, 13.5]),
        (["3,5 \u20ac", "4\u20ac"], ";", [3.5, 4]),
        (["R$ 1.234,56", "R$ 2,5"], ";", [1234.56, 2.5]),
        (["EUR 1", "EUR 2.5"], ",", [1, 2.5]),
        (["\u22125.5", "3.25"], ",", [-5.5, 3.25]),
        (["1.234,50-", "3,2"], ";", [-1234.5, 3.2]),  # SAP
        (["(1,234.5)", "2"], ",", [-1234.5, 2]),
        (["1e5", "1.5E-3"], ",", [100000, 0.0015]),
        (["0001", ".5"], ",", [1, 0.5]),
        (["83.902", "83.915"], ",", [83.902, 83.915]),  # a comma would be quoted
    ],
)
def test_the_cells_of_a_column_show_its_decimal_sign(cells, separator, values, tmp_path):
    notes: list[str] = []
    series = read_series(table(tmp_path, cells, separator), "Value", warn=notes.append)
    assert (series.values.tolist(), notes) == (values, [])


@pytest.mark.parametrize(
    ("cells", "separator", "dates"),
    [
        (["1,234", "2,345"], ",", ISO),
        (["1,234", "2,345"], "\t", ISO),
        (["83.902", "83.915"], ";", DOTTED),
        (["83.902", "83.915"], ";", ISO),
        (["83.902", "83.915"], "\t", DOTTED),
        (["\u00a5 1,234", "\u00a5 2,345"], ",", ISO),
        (["1.234", "1,234"], ";", ISO),
    ],
)
def test_numbers_of_two_readings_are_refused_with_both(cells, separator, dates, tmp_path):
    path = table(tmp_path, cells, separator, dates)
    with pytest.raises(UsageError) as caught:
        read_series(path, "Value")
    message = str(caught.value)
    assert message.startswith(f"{path}, line 2, column Value: expected numbers with one reading, found {cells[0]}")
    bare = cells[0].lstrip("\u00a5 ").replace(",", ".")
    assert message.endswith(f"which is {bare.replace('.', '')} or {bare}; set `decimal` to . or to ,")
    if len({sign for cell in cells for sign in ".," if sign in cell}) == 1:
        sign = "," if "," in cells[0] else "."
        assert read_series(path, "Value", decimal=sign).values[0] == float(bare)
        assert read_series(path, "Value", decimal="." if sign == "," else ",").values[0] == float(bare.replace(".", ""))


def test_other_columns_the_series_before_and_the_file_decide_two_readings(tmp_path):
    rows = 'Day,Volume,Price\n1,"1,234",2.5\n2,"2,345",3.5\n'
    assert read_series(write(tmp_path / "a.csv", rows), "Volume").values.tolist() == [1234, 2345]
    rows = "Day;Volume;Price\n1;1.234;2,5\n2;2.345;3,5\n"
    european = read_series(write(tmp_path / "b.csv", rows), "Volume")
    assert european.values.tolist() == [1234, 2345]
    rows = "Day;Volume\n3;1.234\n4;2.345\n"
    assert read_series(write(tmp_path / "c.csv", rows), "Volume", like=european).values.tolist() == [1234, 2345]
    for cells, separator, other in ((["1,234"], ";", "."), (["1.234"], "\t", ",")):
        notes: list[str] = []
        assert read_series(table(tmp_path, cells, separator), "Value", warn=notes.append).values.tolist() == [1.234]
        assert notes[0].endswith(f"is read as 1.234; set `decimal` to {other} if it is 1234")


@pytest.mark.parametrize(
    ("cells", "line", "part"),
    [
        (["1,5", "1.5"], 3, "expected one decimal sign in all cells, found '1.5' in line 3 and '1,5' in line 2"),
        (["3,5 \u20ac", "4 $"], 3, "expected a number with \u20ac, as in line 2, found '4 $'"),
        (["3 \u20ac", "4"], 3, "expected a number with \u20ac, as in line 2, found '4'"),
        (["3", "4 %"], 3, "expected a number without a unit, as in line 2, found '4 %'"),
        (["(3)", "(4)"], 2, "expected parentheses around negative numbers only, found them around all"),
        (["1 234", "1'234"], 3, "expected ' ' between thousands, as in line 2, found \"1'234\""),
        (["1,5", "x"], 3, "expected a number like 1.008,64, found 'x'"),
    ],
)
def test_cells_that_contradict_each_other_are_named(cells, line, part, tmp_path):
    with pytest.raises(UsageError) as caught:
        read_series(table(tmp_path, cells, ";"), "Value")
    assert f"line {line}, column Value: {part}" in str(caught.value)


@pytest.mark.parametrize(
    "cell",
    [
        "1_000", "0x1f", "\uff11\uff12", "\u0661", "--5", "5-3", "(5", "5)", "(-5)", "1 2", "12 34", "1,2,3",
        "1,234.5.6", ".", "+", "", " ", "NaN", "inf", "1e", "5 kg", "9" * 101,
    ],
)  # fmt: skip
def test_other_cells_are_no_numbers(cell):
    cell_parts = parse_cell(cell)
    assert cell_parts is None or cell_parts.value(".") is None


LOCALES = [(".", ","), (".", " "), (".", "'"), (".", "\u2019"), (".", ""), (",", "."), (",", " "), (",", "\u00a0"),
           (",", "\u202f"), (",", "")]  # fmt: skip


@given(
    st.lists(st.decimals(-1_000_000, 1_000_000, places=2), min_size=1, max_size=8), st.sampled_from(LOCALES),
    st.sampled_from(["{}", "{} \u20ac", "$ {}", "{}%"]),
)  # fmt: skip
def test_numbers_formatted_in_a_locale_are_read_back(numbers, locale, unit):
    decimal, group = locale
    swapped = str.maketrans({",": group, ".": decimal})
    cells = [unit.format(f"{number:,.2f}".translate(swapped)) for number in numbers]
    column = NumberColumn("a.csv", "x", cells, range(2, len(cells) + 2))
    assert find_decimal(column, [], False, ";", None) == (decimal, None)
    assert read_numbers(column, decimal) == [float(number) for number in numbers]


def test_random_cells_are_numbers_or_errors_with_a_line():
    draw, read = random.Random(1), 0
    for _ in range(3_000):
        cells = ["".join(draw.choices("019.,' -(%$", k=draw.randrange(1, 8))) for _ in range(2)]
        column = NumberColumn("a.csv", "x", cells, [2, 3])
        message = "a.csv, line"
        try:
            read += len(read_numbers(column, find_decimal(column, [], True, ";", None)[0]))
        except (CorpusError, UsageError) as error:
            message = str(error)
        assert message.startswith("a.csv, line")
    assert read > 100
