"""Dates of many formats and languages, and what is stated about unusual ones."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rnnwords.errors import CorpusError
from rnnwords.forecasting.dates import find_dates, is_date_title
from rnnwords.forecasting.month_names import fold, months_as_numbers

DAYS = [date(2020, 1, 1) + timedelta(number) for number in range(40)]
HOURS = [datetime(2020, 1, 1) + timedelta(hours=7 * number) for number in range(40)]
MONTHS = [date(2020 + number // 12, number % 12 + 1, 1) for number in range(40)]
LANGUAGES = {
    "English": "January February March April May June July August September October November December",
    "English, short": "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec",
    "German": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "German, short": "Jan. Feb. Mrz. Apr. Mai Jun. Jul. Aug. Sep. Okt. Nov. Dez.",
    "French": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "French, short": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "Spanish": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "Spanish, short": "ene feb mar abr may jun jul ago sep oct nov dic",
    "Italian": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "Italian, short": "gen feb mar apr mag giu lug ago set ott nov dic",
    "Portuguese": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "Portuguese, short": "jan fev mar abr mai jun jul ago set out nov dez",
    "Dutch": "januari februari maart april mei juni juli augustus september oktober november december",
    "Dutch, short": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "Swedish": "januari februari mars april maj juni juli augusti september oktober november december",
    "Polish": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "Polish, short": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "Russian": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "Russian, short": "янв. февр. мар. апр. мая июн. июл. авг. сент. окт. нояб. дек.",
    "Turkish": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
}


def found(cells, title="Date", *columns):
    """Return the dates of rows with these cells as the program prints them, their format, and the warnings."""
    warnings: list[str] = []
    rows = [list(row) for row in zip(cells, *columns, strict=True)]
    header = [title, *("Other" for _ in columns)]
    dates = find_dates("a.csv", header, rows, range(2, len(rows) + 2), None, warnings.append)
    return (dates.days if dates else None), (dates.format if dates else None), warnings


def midnight(days):
    return [datetime(day.year, day.month, day.day) for day in days]


@pytest.mark.parametrize("language", LANGUAGES)
def test_month_names(language):
    names = LANGUAGES[language].split()
    for form in ("{d} {m} {y}", "{m} {d}, {y}", "{d}-{m}-{y}", "{d}. {m} {y}", "{d} de {m} de {y}", "{y} {m} {d}"):
        cells = [form.format(d=day.day, m=names[day.month - 1], y=day.year) for day in DAYS]
        assert found(cells, "x")[0] == midnight(DAYS), form
    for form in ("{m} {y}", "{m}-{y:.2}", "{y} {m}", "{m}/{y}"):
        cells = [
            form.format(m=names[day.month - 1], y=str(day.year)[-2:] if ":" in form else day.year) for day in MONTHS
        ]
        cells = [cell.upper() for cell in cells] if language != "Turkish" else cells
        assert found(cells)[0] == midnight(MONTHS), form


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d. %m. %Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
        "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%y-%m-%d", "%Y%m%d", "%d-%b-%y", "%a, %d %b %Y", "%A %d %B %Y",
        "%Y年%m月%d日", "%a %b %d %H:%M:%S %Y", "%a %b %d %Y 00:00:00 GMT+0000 (UTC)", "%Y-%m-%dT00:00:00Z",
        "%Y-%m-%d 00:00:00 UTC", "%d/%m/%Y 00:00", "'%Y-%m-%d",
    ],
)  # fmt: skip
def test_days(form):
    days, _, warnings = found([day.strftime(form) for day in DAYS])
    assert (days, warnings) == (midnight(DAYS), [])


@pytest.mark.parametrize(
    "form",
    [
        "%m/%d/%Y %I:%M %p", "%d/%m/%Y %I:%M:%S %p", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y, %H:%M Uhr",
        "%d %b %Y %H:%M", "%Y%m%d%H%M%S", "%Y%m%d %H%M", "%d.%m.%Y %H.%M", "%m/%d/%y, %I:%M%p", "%H:%M %d/%m/%Y",
        "%Y-%m-%dT%H:%M:%S.000Z", "%d/%m/%Y %H:%M:%S,000", "%d/%b/%Y:%H:%M:%S +0000",
    ],
)  # fmt: skip
def test_days_with_times(form):
    days, _, warnings = found([moment.strftime(form) for moment in HOURS], "timestamp")
    assert (days, warnings) == (HOURS, [])


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_epochs(factor):
    seconds = [int(moment.replace(tzinfo=UTC).timestamp()) for moment in HOURS]
    assert found([str(second * factor) for second in seconds], "time")[0] == HOURS
    if factor == 1:
        half = found([f"{second}.5" for second in seconds], "time")[0]
        assert half == [moment + timedelta(seconds=0.5) for moment in HOURS]


@pytest.mark.parametrize(
    ("cells", "second"),
    [
        (("2020-Q1", "2020-Q2"), datetime(2020, 4, 1)),
        (("2020Q1", "2020Q2"), datetime(2020, 4, 1)),
        (("Q1 2020", "Q2 2020"), datetime(2020, 4, 1)),
        (("1Q20", "2Q20"), datetime(2020, 4, 1)),
        (("T1 2020", "T2 2020"), datetime(2020, 4, 1)),
        (("2020-W05", "2020-W06"), datetime(2020, 2, 3)),
        (("2020W05", "2020W06"), datetime(2020, 2, 3)),
        (("KW 5/2020", "KW 6/2020"), datetime(2020, 2, 3)),
        (("2020-01", "2020-02"), datetime(2020, 2, 1)),
        (("2020M01", "2020M02"), datetime(2020, 2, 1)),
        (("202001", "202002"), datetime(2020, 2, 1)),
        (("01/2020", "02/2020"), datetime(2020, 2, 1)),
        (("Jan-20", "Feb-20"), datetime(2020, 2, 1)),
        (("2020年1月", "2020年2月"), datetime(2020, 2, 1)),
        (("2019", "2020"), datetime(2020, 1, 1)),
        (("2019.0", "2020.0"), datetime(2020, 1, 1)),
        (("43831", "43832"), datetime(2020, 1, 2)),
        (("43831.25", "43831.5"), datetime(2020, 1, 1, 12)),
    ],
)
def test_quarters_weeks_months_years_and_day_numbers(cells, second):
    days, _, warnings = found(cells)
    assert (days and days[1], warnings) == (second, [])


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        ([f"{day:%d/%m/%Y}" for day in MONTHS], "day/month/year"),
        ([f"{day:%m/%d/%Y}" for day in MONTHS], "month/day/year"),
        ([f"{day:%m/%d/%Y}" for day in DAYS[:12]], "month/day/year"),
        ([f"{day:%d/%m/%y}" for day in MONTHS], "day/month/year of two digits"),
        ([f"{datetime(2020, 3, 1 + n // 24, n % 24):%d/%m/%Y %H:%M}" for n in range(240)], "day/month/year"),
    ],
)
def test_of_day_and_month_the_order_with_even_steps_is_read(cells, form):
    assert found(cells)[1] == form


def test_day_and_month_of_equally_even_steps_are_stated():
    days, form, warnings = found([f"01/{month:02}/2020" for month in range(1, 13)])
    assert (form, days[-1]) == ("month/day/year", datetime(2020, 1, 12))
    assert len(warnings) == 1
    assert "dates like 01/02/2020 are read as month/day/year, but day/month/year fits as well" in warnings[0]


def test_a_column_of_times_is_joined_to_the_dates():
    cells = [f"{moment:%d/%m/%Y}" for moment in HOURS]
    assert found(cells, "Day", [f"{moment:%H:%M:%S}" for moment in HOURS])[0] == HOURS
    assert found(cells, "Day", [f"{moment:%I:%M %p}" for moment in HOURS])[0] == HOURS


@pytest.mark.parametrize(
    ("cells", "title"),
    [
        ([f"{day:%d-%b-%y}" for day in DAYS[::-1]], "Date"),
        ([f"{day:%d.%m.%Y}" for day in DAYS[::-1]], "x"),
        ([f"{year}-Q{quarter}" for year in (2020, 2019) for quarter in (4, 3, 2, 1)], "Quarter"),
        ([str(day.toordinal() - 693594) for day in DAYS[::-1]], "date"),
        ([f"{moment:%m/%d/%Y %I:%M %p}" for moment in HOURS[::-1]], "Zeitpunkt"),
        ([str(int(moment.timestamp())) for moment in HOURS[::-1]], "timestamp"),
        (["2020-01-01", "2020-01-03", "2020-01-02"], "Fecha"),
    ],
)
def test_falling_dates_are_refused_in_every_format(cells, title):
    with pytest.raises(
        CorpusError, match=r"^a.csv, line \d+, column .*: expected the oldest first, found .* after .*; sort"
    ):
        found(cells, title)


@pytest.mark.parametrize(
    ("cells", "title", "part"),
    [
        (["day 1", "day 2"], "Date", "'day 1' in line 2"),
        (["01 Jan", "02 Jan"], "Datum", "'01 Jan' in line 2"),
        (["2020-01-01", "2020-01-02", "02.01.2020", "2020-01-03"], "Date", "'02.01.2020' in line 4"),
        (["2020-01-01", "2020-01-02", "", "2020-01-03"], "Date", "'' in line 4"),
        (["2020-01-01", "2020-01-02", "Total"], "x", "'Total' in line 4"),
        (["31.02.2020", "01.03.2020", "02.03.2020"], "x", "'31.02.2020' in line 2"),
        (["3", "1", "2"], "time", "'3' in line 2"),
    ],
)
def test_a_column_that_is_not_understood_as_dates_is_named(cells, title, part):
    days, _, warnings = found(cells, title)
    assert (days, warnings) == (
        None, [f"a.csv: column {title} is not understood as dates: {part}; the values are numbered instead"],
    )  # fmt: skip


def test_dates_that_neither_ascend_nor_are_named_as_dates_are_stated():
    days, _, warnings = found(["2020-01-02", "2020-01-05", "2020-01-01", "2020-01-09"], "Due")
    assert days is None
    assert "column Due has dates that do not ascend" in warnings[0]


@pytest.mark.parametrize("cells", [["0.0", "0.5", "1.0"], ["0,0", "0,5", "1,0"], ["0", "10", "20"]])
def test_elapsed_times_are_no_dates(cells):
    assert found(cells, "time (s)") == (None, None, [])


def test_equal_dates_and_gaps_are_stated():
    _, _, warnings = found([str(DAYS[row // 2]) for row in range(80)])
    assert warnings[0].startswith(
        "a.csv: 40 of 80 rows have the date of the row before, such as 2020-01-01 in lines 2 and 3"
    )
    _, _, warnings = found([str(day) for day in (*DAYS[:20], *DAYS[30:])])
    assert warnings == [
        "a.csv: the dates have 1 gap, the longest from 2020-01-20 to 2020-01-31; the values count as evenly spaced"
    ]
    for even in ([day for day in DAYS if day.weekday() < 5], MONTHS, [day - timedelta(1) for day in MONTHS]):
        assert found([str(day) for day in even])[2] == []


@pytest.mark.parametrize(
    "title", ["Date", "Trade Date", "Buchungsdatum", "DateTime", "date_time", "Año", "Время", "日付"]
)
def test_titles_of_dates(title):
    assert is_date_title(title)


@pytest.mark.parametrize("title", ["Value", "Update rate of CPU", "Opening", "Timer", ""])
def test_other_titles(title):
    assert not is_date_title(title)


def test_words_that_begin_two_months_are_no_month():
    assert months_as_numbers(fold("jui Mär juil.")) == "jui m03 m07"
