"""Tables: separators, headers, comments, titles, empty cells."""

import pytest

from rnnwords.errors import CorpusError, UsageError
from rnnwords.forecasting.series import read_series
from rnnwords.forecasting.table import read_table
from tests.texts import write

ROWS = [["2020-01-01", "1.5"], ["2020-01-02", "2.5"], ["2020-01-03", "3.5"]]


def lines(separator, header=("Date", "Value"), rows=ROWS):
    return "".join(separator.join(cells) + "\n" for cells in ([header] if header else []) + list(rows))


@pytest.mark.parametrize(
    "text",
    [
        lines(","), lines(";"), lines("\t"), lines("|"), "\n\n" + lines(";"), "# my sensor, 2020; a|b\n" + lines(","),
        "# one\n\n#two\n" + lines(";"), "sep=;\n" + lines(";"), '"sep=,"\n' + lines(","), "SEP=|\n" + lines("|"),
        "Report of sales\n\n" + lines(","), "Report; of sales\nall shops\n" + lines(","),
        lines(",").replace("\n2020-01-02", "\n# off; on\n2020-01-02"),
        lines(",").replace("\n", ",,\n") + ",,,\n,,,\n",
        lines(",").replace("\n", ",\n").replace("Value,", "Value"),
        lines(",").replace("Value", "Value,,"),
        lines(",").replace("\n", "\n\n"),
        "# Date,Value\n" + lines(",", None), "#Date;Value\n" + lines(";", None),
        lines(";").replace("\n", ";\n"),
    ],
)  # fmt: skip
def test_lines_around_the_table_change_nothing(text):
    table = read_table("a.csv", text)
    assert (table.header, table.rows) == (["Date", "Value"], ROWS)
    at = [number for number, line in enumerate(text.split("\n"), 1) if line.startswith("2020")]
    assert table.lines == at


def test_lines_of_two_cells_above_a_wider_table_are_titles():
    rows = "".join(f'"{day}";"transfer";"{value}";""\n' for day, value in ROWS)
    text = f'"Account:";"DE12";\n\n"From:";"01.01.2020"\n"To:"\n\n"Day";"Text";"Amount";""\n{rows}'
    table = read_table("a.csv", text)
    assert (table.header, table.column(2), table.lines[0]) == (["Day", "Text", "Amount"], ["1.5", "2.5", "3.5"], 7)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (lines(";", ("Date", '"Turnover, net, in EUR"')), "Turnover, net, in EUR"),
        (lines(",", ("Date", '"Mean (min; max; all)"')), "Mean (min; max; all)"),
        (lines(",", ("Date", '"a|b|c"')), "a|b|c"),
        (lines(";", ("Date", '"a\nb, c"')), "a\nb, c"),
        (lines("\t", ("Date", "a, b; c")), "a, b; c"),
    ],
)
def test_a_separator_in_a_title_does_not_count(text, header):
    table = read_table("a.csv", text)
    assert (table.header, table.rows) == (["Date", header], ROWS)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("Date;Value\n01.01.2020;0,5\n02.01.2020;0,6\n", ["0,5", "0,6"]),
        ("01.01.2020;0,5\n02.01.2020;0,6\n", ["0,5", "0,6"]),
        ('Day,Note,V\n1,a;b,"1,5"\n2,c;d,"2,5"\n', ["1,5", "2,5"]),
        ("V\n0,5\n0,6\n", ["0,5", "0,6"]),
        ("V\n1,234\n2,345,678\n", ["1,234", "2,345,678"]),
        ('Day;Note;V\n1;"a, b; c";1,5\n2;x;2,5\n', ["1,5", "2,5"]),
        ('Day,V\n1,"1\n5"\n2,3\n', ["1\n5", "3"]),
    ],
)
def test_commas_inside_cells_do_not_separate(text, cells):
    table = read_table("a.csv", text)
    assert table.column(len(table.header) - 1) == cells


@pytest.mark.parametrize("count", [1, 40])
def test_a_table_without_header_keeps_its_first_row(count, tmp_path):
    notes: list[str] = []
    text = "".join(f"{1900 + number},{number}.5\n" for number in range(count))
    series = read_series(write(tmp_path / "a.csv", text), "2", warn=notes.append)
    assert (len(series), series.values[0], series.column) == (count, 0.5, "2")
    assert notes[0] == f"{tmp_path}/a.csv has no header, so the titles of its columns are 1 to 2"
    single = read_series(write(tmp_path / "b.csv", "15\n25\n35\n"))
    assert (single.column, single.values.tolist()) == ("1", [15, 25, 35])
    numbers = read_series(
        write(tmp_path / "c.csv", "1,2\n3,6\n5,7\n"), "2", decimal="."
    )  # not the title of the second column
    assert numbers.values.tolist() == [2, 6, 7]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("Country,2019,2020\nDE,5,6\nFR,6,7\n", "2020"), ("Year,2019,2020\n1,5,6\n2,6,7\n", "2020"),
    ],
)  # fmt: skip
def test_titles_that_are_numbers(text, column, tmp_path):
    assert read_series(write(tmp_path / "a.csv", text), column).values.tolist() == [6, 7]


def test_one_number_or_two_columns_is_refused_with_both_readings():
    text = "0,902\n0,915\n"
    with pytest.raises(
        UsageError, match=r"^a.csv, line 1: expected one reading, found '0,902', which is one number or"
    ):
        read_table("a.csv", text)
    assert read_table("a.csv", text, decimal=",").rows == [["0,902"], ["0,915"]]
    assert read_table("a.csv", text, decimal=".").rows == [["0", "902"], ["0", "915"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Date,Value\n2020-01-01,0,902\n2020-01-02,0,915\n", ", line 2: expected 2 columns, as in the header, found 3"),
        ("Date,Value\n2020-01-01,1\n2020-01-02\n", ", line 3: expected 2 columns, as in the header, found 1"),
        (lines(",") + "Source: x\n", ", line 5: expected 2 columns, as in the header, found 1"),
        ("V\n1;2\n", ", line 2: expected 1 column, as in the header, found 2"),
        ("# a\n#b\n", ": expected a header and rows of numbers, found only lines that begin with #"),
        ("\n", ": expected a header and rows of numbers, found nothing"),
        ('A,B\n1,"2\n', ", line 2: expected cells with paired quotes and at most 131,072 characters"),
    ],
)
def test_a_text_that_is_no_table_is_refused_with_its_line(text, message):
    with pytest.raises(CorpusError) as caught:
        read_table("a.csv", text)
    assert str(caught.value).startswith(f"a.csv{message}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marks_and_line_ends_of_windows(encoding, tmp_path):
    path = write(
        tmp_path / "a.csv", "Datum\tGr\u00f6\u00dfe\r\n01.01.2020\t1,5\r\n02.01.2020\t2,5\r\n".encode(encoding)
    )
    assert read_series(path).values.tolist() == [1.5, 2.5]


def test_the_likely_encoding_is_named(tmp_path):
    path = write(tmp_path / "a.csv", "Datum;Größe in Stück\n01.01.2020;1,5\n".encode("cp1252"))
    with pytest.raises(
        CorpusError, match=r"line 1: expected UTF-8, found 0xf6, probably windows-1252; convert it: iconv"
    ):
        read_series(path)
