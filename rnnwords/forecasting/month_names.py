"""Names of months and weekdays in the languages of many spreadsheets, whole or abbreviated.

Own tables of 15 languages: babel and dateparser bring 10 MB and more of other matters, and dateparser guesses the order
of day and month of each date alone.
"""

import re
import unicodedata

_MONTHS = """
january february march april may june july august september october november december
januar februar märz april mai juni juli august september oktober november dezember
jänner feber maerz april mai juni juli august september oktober november dezember
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
enero febrero marzo abril mayo junio julio agosto setiembre octubre noviembre diciembre
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
januari februari maart april mei juni juli augustus september oktober november december
januari februari mars april maj juni juli augusti september oktober november december
januar februar marts april maj juni juli august september oktober november desember
styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień
stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь
января февраля марта апреля мая июня июля августа сентября октября ноября декабря
січень лютий березень квітень травень червень липень серпень вересень жовтень листопад грудень
січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
"""
_ABBREVIATIONS = {"mrz": 3, "mrt": 3, "jly": 7}  # that are not the beginning of a name
_WEEKDAYS = """
monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag
sonnabend lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo
lunedì martedì mercoledì giovedì venerdì sabato domenica segunda-feira terça-feira quarta-feira quinta-feira sexta-feira
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag måndag tisdag onsdag torsdag fredag lördag söndag mandag
tirsdag lørdag søndag poniedziałek wtorek środa czwartek piątek sobota niedziela понедельник вторник среда четверг
пятница суббота воскресенье понеділок вівторок середа четвер субота неділя пн вт ср чт пт сб вс
"""
_FILLERS = frozenset(("of", "the", "st", "nd", "rd", "th", "at", "um", "uhr", "den", "de", "del", "di", "г", "года"))
_WORD = re.compile(r"[^\W\d_]+(?:-feira)?\.?")


def fold(text: str) -> str:
    """Return a text in lower case without accents."""
    return "".join(one for one in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(one))


def _prefixes(names: list[tuple[str, int]], shortest: int) -> dict[str, int]:
    """Return the names, and their beginnings that fit one value only."""
    found: dict[str, set[int]] = {}
    for name, value in names:
        for length in range(shortest, len(name)):
            found.setdefault(name[:length], set()).add(value)
    unique = {prefix: values.pop() for prefix, values in found.items() if len(values) == 1}
    return unique | dict(names)


_MONTH_NUMBERS = _ABBREVIATIONS | _prefixes(
    [(name, number) for row in fold(_MONTHS).strip().splitlines() for number, name in enumerate(row.split(), 1)], 3
)
_DAYS = frozenset(_prefixes([(name, 0) for name in fold(_WEEKDAYS).split()], 2))


def months_as_numbers(text: str) -> str:
    """Return a folded text with m01 for each name of January, and without weekdays and words such as `de`."""

    def replaced(match: re.Match[str]) -> str:
        word = match[0].rstrip(".")
        if month := _MONTH_NUMBERS.get(word):
            return f"m{month:02}"
        return "" if word in _DAYS or word in _FILLERS else match[0]

    return _WORD.sub(replaced, text)
